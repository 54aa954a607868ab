"""Show what a month would have cost tenants on another plan."""

from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound
from auth_server.administration.money.books import read_month
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import Slice, cut
from auth_server.db.engine import DbSession
from auth_server.metering.simulate import simulate_month
from auth_server.records.metered_hours.store import (
    sum_metered_of_tenant,
    sum_metered_of_tenants,
)
from auth_server.records.plans.store import list_plans
from auth_server.records.tenants.store import find_tenants
from gatepost.metering.plans import end_of_month, month_of, start_of_month


class SimulatedView(BaseModel):
    """A tenant's month on the plan that it has, and on another."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    tenant_id: str
    tenant_name: str
    units: int
    """The live units of the month, as the ledger has them."""
    plan: str
    """The plan that the tenant has now."""
    currency: str
    price: Decimal
    """What the month costs on the present plan, flat price and units."""
    other_currency: str
    other_price: Decimal
    """What it would have cost on the other plan."""
    other_refused: int
    """Units beyond the quotas of the other plan, which would have been refused and not billed."""


async def read_simulation(
    db: DbSession,
    operator: ActingOperator,
    plan: str,
    month: str = "",
    *,
    tenant_id: str = "",
    after: str = "",
    limit: int,
    now: datetime,
) -> Slice[SimulatedView]:
    """List the tenants that used units in a month, by id, with its price on two plans.

    Args:
        db: an open database session.
        operator: who asks.
        plan: the plan to compare with.
        month: such as `2026-11`; empty for the last one that is over.
        tenant_id: only this tenant; empty for all.
        after: the `next` of the answer before.
        limit: the most tenants to list.
        now: the time.

    Raises:
        Forbidden: `plans:read` or `usage:read` is missing.
        NotFound: the plan does not exist.
        Refused: the month is malformed.
    """
    operator.require("plans:read")
    operator.require("usage:read")
    since = read_month(month or last_month(now), now=now)
    plans = await list_plans(db)
    other = next((one for one in plans if one.name == plan), None)
    if other is None:
        names = ", ".join(one.name for one in plans)
        raise NotFound(f"the plan {plan[:32]} does not exist; the plans are {names}")
    until = end_of_month(since)
    if tenant_id:
        some = await sum_metered_of_tenant(db, tenant_id, since=since, until=until)
        units = {tenant_id: some}
    else:
        units = await sum_metered_of_tenants(db, since=since, until=until)
    used = sorted(one for one, some in units.items() if some and one > after)
    # A tenant that was deleted is left out, so the place is not that of the last row.
    part = cut(used, limit, place=str)
    tenants = await find_tenants(db, part.rows)
    simulated = await simulate_month(db, tenants.values(), plans, other, units, since=since)
    views = [
        SimulatedView(
            tenant_name=tenants[one.tenant_id].name,
            other_currency=other.price.currency,
            **asdict(one),
        )
        for one in sorted(simulated, key=lambda one: one.tenant_id)
    ]
    return Slice(views, part.next)


def last_month(now: datetime) -> str:
    """Return the last month that is over, such as `2026-10`."""
    return month_of(start_of_month(now) - timedelta(days=1))
