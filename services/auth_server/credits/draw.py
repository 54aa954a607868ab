"""Draw from credits in the transaction that adds units to the ledger."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime

from auth_server.credits.balance import Balance, read_balances
from auth_server.credits.burn_down import draw_units
from auth_server.db.engine import DbSession
from auth_server.records.credits.store import put_use
from auth_server.records.credits.table import CreditUse
from auth_server.records.metered_hours.store import sum_metered_of_tenant
from auth_server.records.plans.store import list_plans
from auth_server.records.plans.terms import find_plan
from auth_server.records.tenants.store import announce_tenants, list_plan_names
from gatepost.metering.call_event import CallEvent
from gatepost.metering.plans import end_of_month, month_of, start_of_month


async def draw_from_credits(db: DbSession, added: Sequence[CallEvent], *, now: datetime) -> None:
    """Pay for calls that were just added to the ledger, before their hours are added up.

    The credits of a tenant are locked, so that each unit has one place in its month.
    """
    calls: dict[str, list[CallEvent]] = defaultdict(list)
    for event in added:
        if event.env == "live" and event.cost:
            calls[event.tenant_id].append(event)
    balances = await read_balances(db, calls, lock=True) if calls else {}
    if not balances:
        return
    plans, names = await list_plans(db), await list_plan_names(db, balances)
    for tenant_id, balance in sorted(balances.items()):
        plan = find_plan(plans, names.get(tenant_id, ""))
        if not plan.price.steps:
            continue
        events = sorted(calls[tenant_id], key=lambda event: (event.at, event.call_id))
        opened = balance.opened(plan.price.currency)
        reached: dict[str, int] = {}
        paid: Counter[tuple[str, str]] = Counter()
        units: Counter[tuple[str, str]] = Counter()
        for event in events:
            month = month_of(event.at)
            if month not in reached:
                since, until = start_of_month(event.at), end_of_month(event.at)
                reached[month] = await sum_metered_of_tenant(
                    db, tenant_id, since=since, until=until
                )
            # The time of the call decides, as it does for exports: it may be written much later.
            draws = (
                []
                if balance.invoiced(event.at)
                else draw_units(
                    opened, plan.price, after=reached[month], units=event.cost, at=event.at
                )
            )
            for draw in draws:
                paid[draw.credit_id, month] += draw.amount
                units[draw.credit_id, month] += draw.units
            reached[month] += event.cost
        for (credit_id, month), amount in sorted(paid.items()):
            await _add_use(db, balance, credit_id, month, amount, units[credit_id, month], now)
        used = reached.get(month_of(now), 0)
        left = sum(one.left for one in opened if one.pays_at(now))
        spent = plan.price.most_units(left, after=used) == used
        if paid and (spent or set(reached) != {month_of(now)}):
            # Gateways refuse beyond the plan's quotas again, or hear of another number of units.
            await announce_tenants(db, [tenant_id], now=now)


async def _add_use(
    db: DbSession,
    balance: Balance,
    credit_id: str,
    month: str,
    amount: int,
    units: int,
    now: datetime,
) -> None:
    use = balance.uses.get(credit_id, {}).get(month)
    if use is None:
        use = CreditUse(credit_id=credit_id, cause=month, amount=0, units=0, at=now)
    use.amount, use.units, use.at = use.amount + amount, use.units + units, now
    await put_use(db, use)
