"""What one more call costs a tenant at this moment."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from auth_server.db.engine import DbSession
from auth_server.metering.usage_report import choose_plan
from auth_server.records.plans.store import list_plans
from auth_server.records.tenants.table import Tenant
from auth_server.records.usage.store import sum_tenants
from gatepost.metering.plans import end_of_month, start_of_month


@dataclass(frozen=True, slots=True)
class CallPrice:
    """The units of a call, and what they add to the tenant's invoice of this month."""

    units: int
    amount: Decimal
    """In whole units of the currency, not rounded."""
    currency: str
    plan: str
    """The plan's title."""
    used: int
    """The units of the month before it."""
    included: int
    """The units of the month that the flat price covers."""


async def price_call(db: DbSession, tenant: Tenant, units: int, *, now: datetime) -> CallPrice:
    """Price the units of a call as the next ones of the month, at the tenant's plan."""
    plan = choose_plan(await list_plans(db), tenant)
    since, until = start_of_month(now), end_of_month(now)
    sums = await sum_tenants(db, [tenant.tenant_id], since=since, until=until)
    used = sums.get(tenant.tenant_id, 0)
    return CallPrice(
        units=units,
        amount=(plan.price.of(used + units) - plan.price.of(used)).normalize(),
        currency=plan.price.currency,
        plan=plan.title,
        used=used,
        included=plan.price.included_units,
    )
