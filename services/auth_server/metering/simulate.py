"""Simulate what a month would have cost on another plan, from the ledger."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from auth_server.db.engine import DbSession
from auth_server.metering.usage_report import choose_plan
from auth_server.records.plans.terms import PlanTerms
from auth_server.records.tenants.table import Tenant
from auth_server.records.usage.store import sum_hours
from gatepost.metering.plans import day_of, end_of_month


@dataclass(frozen=True, slots=True)
class Simulated:
    """A tenant's month on its present plan and on another."""

    tenant_id: str
    units: int
    """As the ledger has them."""
    plan: str
    currency: str
    """Of the present plan's price."""
    price: Decimal
    other_price: Decimal
    other_refused: int
    """Units beyond the quotas of the other plan, which would have been refused and not billed."""


async def simulate_month(
    db: DbSession,
    tenants: Iterable[Tenant],
    plans: Sequence[PlanTerms],
    other: PlanTerms,
    ledger: Mapping[str, int],
    *,
    since: datetime,
) -> list[Simulated]:
    """Simulate the month that begins at a time.

    Args:
        db: an open database session.
        tenants: the tenants, each of which used units in the month.
        plans: all plans.
        other: the plan to compare with.
        ledger: the units of each tenant in the month.
        since: the start of the month.
    """
    until = end_of_month(since)
    simulated = []
    for tenant in tenants:
        units = ledger[tenant.tenant_id]
        hours = await sum_hours(db, tenant.tenant_id, since=since, until=until)
        refused = units_refused(other, hours)
        plan = choose_plan(plans, tenant)
        simulated.append(
            Simulated(
                tenant_id=tenant.tenant_id,
                units=units,
                plan=plan.name,
                currency=plan.price.currency,
                price=plan.price.of(units),
                other_price=other.price.of(units - refused),
                other_refused=refused,
            )
        )
    return simulated


def units_refused(plan: PlanTerms, hours: Mapping[datetime, int]) -> int:
    """Return how many of the units are beyond a plan's quotas of a day and of the month."""
    total = sum(hours.values())
    if plan.overage:
        return 0
    days: dict[str, int] = {}
    for hour, units in hours.items():
        days[day_of(hour)] = days.get(day_of(hour), 0) + units
    daily = plan.daily_units
    within = total if daily is None else sum(min(units, daily) for units in days.values())
    if plan.monthly_units is not None:
        within = min(within, plan.monthly_units)
    return total - within
