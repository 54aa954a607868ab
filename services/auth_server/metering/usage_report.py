"""A tenant's plan and usage: the same for its admins' page and for programs of the operator."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict

from auth_server.catalogues.callers import list_caller_names
from auth_server.credits.balance import Balance, read_balances
from auth_server.credits.change import whole_units
from auth_server.credits.spend_cap import follow_price
from auth_server.db.engine import DbSession
from auth_server.metering.forecast import WINDOW, forecast_exhaustion, forecast_month
from auth_server.metering.shares import (
    InvoicePreview,
    Rest,
    Share,
    Shares,
    preview_invoice,
    share_out,
)
from auth_server.records.people.store import find_people
from auth_server.records.plans.terms import PlanTerms, find_plan
from auth_server.records.tenants.table import Tenant
from auth_server.records.usage.store import Dimension, Ranking, rank_usage, sum_hours, sum_units_of
from gatepost.metering.plans import (
    Budget,
    BudgetKind,
    day_of,
    end_of_day,
    end_of_month,
    month_of,
    start_of_day,
    start_of_month,
)

_MOST = 20
"""How many tools, people, clients and APIs are listed."""
DIMENSIONS: dict[BudgetKind, Dimension] = {
    "person": "sub",
    "client": "client_id",
    "grant": "grant_id",
}
"""The dimension of usage by which the units of each kind of budget are summed."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Quota(_Value):
    """A quota of the plan or a budget, and the units used of it."""

    kind: Literal["day", "month"] | BudgetKind
    key: str = ""
    """The `sub`, `client_id` or `grant_id` of a budget; empty for the tenant."""
    name: str = ""
    """The name of the person or client, where it is known."""
    limit: int | None
    used: int
    hard: bool = True
    amount: Decimal | None = None
    """A budget in money, in whole units of `currency`; `limit` are the units that it allows."""
    currency: str = ""
    resets_at: datetime
    runs_out_at: datetime | None = None
    """When it is used up at the present pace; None if it lasts until the reset."""

    @property
    def percent(self) -> int:
        """The used part, at most 100."""
        if self.limit is None:
            return 0
        return min(100 * self.used // self.limit, 100) if self.limit else 100


class CreditReport(_Value):
    """One credit; the amounts are in whole currency units."""

    credit_id: str
    source: str
    currency: str
    amount: Decimal
    left: Decimal
    created_at: datetime
    expires_at: datetime | None


class CreditsReport(_Value):
    """The credit that is left, in the currency of the plan."""

    currency: str
    left: Decimal
    units: int
    """The units beyond those of this month that it pays for; 0 if the plan's units have no price, or a
    subscription bills them."""
    paid: Decimal
    """The part of the invoice's amount that it has paid for until now."""
    credits: tuple[CreditReport, ...]
    """Those of which something is left, in every currency, the oldest first."""


class UsageReport(_Value):
    """What one tenant may use and has used in this month, without calls of test keys."""

    tenant_id: str
    plan: PlanTerms
    at: datetime
    month: str
    units: int
    quotas: tuple[Quota, ...]
    """Of a day and of a month, in this order."""
    budgets: tuple[Quota, ...]
    credit: CreditsReport
    forecast_units: int
    """The units of the whole month, if the pace of the last seven days goes on."""
    forecast_price: Decimal
    """The price of these units, in whole currency units of the plan's price."""
    days: dict[str, int]
    """Units by day; days without any are left out."""
    invoice: InvoicePreview
    """What the units of the month cost until now. Credit is not subtracted (`credit.paid`), nor are
    discounts."""
    api: str = ""
    """The API whose calls `tools`, `people` and `clients` divide; empty for those of all."""
    tools: tuple[Share, ...]
    people: tuple[Share, ...]
    clients: tuple[Share, ...]
    apis: tuple[Share, ...] = ()
    """Empty unless the calls of the month were to several APIs. The key "" has those of no named API."""
    more_tools: Rest | None
    """The tools that are not listed, together; null if all are listed."""
    more_people: Rest | None
    more_clients: Rest | None
    more_apis: Rest | None = None


def choose_plan(plans: Sequence[PlanTerms], tenant: Tenant) -> PlanTerms:
    """Return a tenant's plan; the first one if it no longer exists, as gateways do."""
    return find_plan(plans, tenant.rate_limit_tier)


async def read_usage_report(
    db: DbSession, tenant: Tenant, plan: PlanTerms, *, api: str = "", now: datetime
) -> UsageReport:
    """Read what a tenant has used, as the usage by the hour has it.

    `api` divides the calls of one API by tool, person and client; those of all if it lists no such API.
    """
    day, month, until = start_of_day(now), start_of_month(now), end_of_month(now)
    hours = await sum_hours(db, tenant.tenant_id, since=min(month, now - WINDOW), until=until)
    used = sum(units for hour, units in hours.items() if hour >= month)
    forecast = forecast_month(hours, now)
    days: dict[str, int] = {}
    for hour, units in sorted(hours.items()):
        if hour >= month and units:
            days[day_of(hour)] = days.get(day_of(hour), 0) + units
    invoice = preview_invoice(plan.price, used)
    by_api = await _share_out_apis(db, tenant.tenant_id, invoice, since=month, until=until)
    of_api = next((one for one in by_api.listed if api and one.key == api), None)
    api = "" if of_api is None else api
    tools, people, clients = [
        await rank_usage(
            db, tenant.tenant_id, dimension, since=month, until=until, most=_MOST, api=api
        )
        for dimension in ("tool", "sub", "client_id")
    ]
    stored = [Budget.model_validate(budget) for budget in tenant.budgets or ()]
    budgets = [follow_price(budget, plan.price) for budget in stored]
    person_names = {
        key: person.name
        for key, person in (
            await find_people(db, {*_keys(people), *_keys_of(budgets, "person")})
        ).items()
    }
    client_names = await list_caller_names(db, {*_keys(clients), *_keys_of(budgets, "client")})
    divided = invoice
    if of_api is not None:
        divided = invoice.model_copy(update={"usage": of_api.amount})
    by_tool = share_out(tools, divided, {})
    by_person = share_out(people, divided, person_names)
    by_client = share_out(clients, divided, client_names)
    names = {"person": person_names, "client": client_names}
    of_budgets = await _units_of(db, tenant.tenant_id, budgets, used, since=month, until=until)
    return UsageReport(
        tenant_id=tenant.tenant_id,
        plan=plan,
        at=now,
        month=month_of(now),
        units=used,
        quotas=(
            _quota("day", plan.daily_units, days.get(day_of(now), 0), day, end_of_day(now), now),
            _quota("month", plan.monthly_units, used, month, until, now),
        ),
        budgets=tuple(
            Quota(
                kind=budget.kind,
                key=budget.key,
                name=names.get(budget.kind, {}).get(budget.key, ""),
                limit=budget.monthly_units,
                used=of_budgets.get((budget.kind, budget.key), 0),
                hard=budget.hard,
                amount=budget.amount,
                currency=budget.currency,
                resets_at=until,
            )
            for budget in budgets
        ),
        credit=await _read_credit(db, tenant.tenant_id, plan, used, now),
        forecast_units=forecast,
        forecast_price=plan.price.of(forecast),
        days=days,
        invoice=invoice,
        api=api,
        tools=by_tool.listed,
        people=by_person.listed,
        clients=by_client.listed,
        apis=by_api.listed,
        more_tools=by_tool.rest,
        more_people=by_person.rest,
        more_clients=by_client.rest,
        more_apis=by_api.rest,
    )


async def _share_out_apis(
    db: DbSession, tenant_id: str, invoice: InvoicePreview, *, since: datetime, until: datetime
) -> Shares:
    ranked = await rank_usage(db, tenant_id, "api", since=since, until=until, most=_MOST)
    if sum(bool(one.key) for one in ranked.listed) < 2:
        return Shares(listed=(), rest=None)
    return share_out(ranked, invoice, {})


async def _read_credit(
    db: DbSession, tenant_id: str, plan: PlanTerms, used: int, now: datetime
) -> CreditsReport:
    balance = (await read_balances(db, [tenant_id])).get(tenant_id, Balance())
    return CreditsReport(
        currency=plan.price.currency,
        left=whole_units(balance.left(plan.price.currency, now)),
        units=balance.units(plan, used, now),
        paid=whole_units(balance.paid(plan.price.currency, month_of(now))),
        credits=tuple(
            CreditReport(
                **one.model_dump(
                    include={"credit_id", "source", "currency", "created_at", "expires_at"}
                ),
                amount=whole_units(one.amount),
                left=whole_units(left),
            )
            for one in balance.credits
            if (left := balance.left_of(one)) and (one.expires_at is None or one.expires_at > now)
        ),
    )


async def _units_of(
    db: DbSession,
    tenant_id: str,
    budgets: Iterable[Budget],
    total: int,
    *,
    since: datetime,
    until: datetime,
) -> dict[tuple[str, str], int]:
    found = {("tenant", ""): total}
    for kind, dimension in DIMENSIONS.items():
        if keys := _keys_of(budgets, kind):
            units = await sum_units_of(db, tenant_id, dimension, keys, since=since, until=until)
            found |= {(kind, key): one for key, one in units.items()}
    return found


def _quota(
    kind: Literal["day", "month"],
    limit: int | None,
    used: int,
    since: datetime,
    until: datetime,
    now: datetime,
) -> Quota:
    ends = forecast_exhaustion(used, limit, since=since, until=until, now=now)
    return Quota(kind=kind, limit=limit, used=used, resets_at=until, runs_out_at=ends)


def _keys(ranking: Ranking) -> set[str]:
    return {row.key for row in ranking.listed}


def _keys_of(budgets: Iterable[Budget], kind: BudgetKind) -> set[str]:
    return {budget.key for budget in budgets if budget.kind == kind}
