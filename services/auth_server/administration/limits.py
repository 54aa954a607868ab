"""Find tenants at or near a quota or budget: the leads for a larger plan."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict

from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import MOST
from auth_server.credits.spend_cap import follow_price
from auth_server.db.engine import DbSession
from auth_server.metering.usage_report import DIMENSIONS, choose_plan
from auth_server.records.plan_requests.store import count_requests
from auth_server.records.plans.store import list_plans
from auth_server.records.plans.terms import PlanTerms
from auth_server.records.quota_notices.store import list_reached
from auth_server.records.tenants.store import find_tenants
from auth_server.records.tenants.table import Tenant
from auth_server.records.usage.store import sum_tenants, sum_units_of
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

_MOST_NOTICED = 1_000
NEAR = 80
"""The percentage from which a limit is near."""
_Kind = Literal["day", "month"] | BudgetKind
_Reached = tuple[str, str, str]


class LimitView(BaseModel):
    """A quota or budget of which a tenant has used 80 percent or more."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    tenant_id: str
    tenant_name: str
    plan: str
    kind: _Kind
    """`day` or `month` for a quota of the plan, else whose budget it is."""
    key: str
    """The `sub`, `client_id` or `grant_id` of a budget."""
    used: int
    limit: int
    percent: int
    resets_at: datetime
    requests: int
    """The members who asked for more in the last 30 days."""


async def read_limits(db: DbSession, operator: ActingOperator, *, now: datetime) -> list[LimitView]:
    """List the quotas and budgets that are used up or nearly so, the fullest first.

    They are among those that `notice_quotas` noticed, so that not every tenant is read.

    Raises:
        Forbidden: `usage:read` is missing.
    """
    operator.require("usage:read")
    month = start_of_month(now)
    reached = await list_reached(db, (day_of(now), month_of(now)), since=month, most=_MOST_NOTICED)
    tenant_ids = {tenant_id for tenant_id, _, _ in reached}
    tenants, plans = await find_tenants(db, tenant_ids), await list_plans(db)
    requests = await count_requests(db, tenant_ids)
    used = await _sum_used(db, reached, now)
    views = []
    for tenant_id, kind, key in reached:
        tenant = tenants[tenant_id]
        plan = choose_plan(plans, tenant)
        limit, units = _limit(tenant, plan, kind, key), used.get((tenant_id, kind, key), 0)
        if limit is None or 100 * units < NEAR * limit:
            continue
        views.append(
            LimitView(
                tenant_id=tenant_id,
                tenant_name=tenant.name,
                plan=plan.name,
                kind=cast("_Kind", kind),
                key=key,
                used=units,
                limit=limit,
                percent=100 * units // limit if limit else 100,
                resets_at=end_of_day(now) if kind == "day" else end_of_month(now),
                requests=requests.get(tenant_id, 0),
            )
        )
    return sorted(views, key=lambda one: (-one.percent, -one.used, one.tenant_id))[:MOST]


async def _sum_used(
    db: DbSession, reached: Sequence[_Reached], now: datetime
) -> dict[_Reached, int]:
    month, until = start_of_month(now), end_of_month(now)
    since = {"day": start_of_day(now), "month": month, "tenant": month}
    used: dict[_Reached, int] = {}
    keys = defaultdict[tuple[str, str], list[str]](list)
    for tenant_id, kind, key in reached:
        keys[kind, "" if kind in since else tenant_id].append(tenant_id if kind in since else key)
    for (kind, tenant_id), names in keys.items():
        if kind in since:
            sums = await sum_tenants(db, names, since=since[kind], until=until)
            used |= {(found, kind, ""): units for found, units in sums.items()}
        else:
            dimension = DIMENSIONS[cast("BudgetKind", kind)]
            sums = await sum_units_of(db, tenant_id, dimension, names, since=month, until=until)
            used |= {(tenant_id, kind, key): units for key, units in sums.items()}
    return used


def _limit(tenant: Tenant, plan: PlanTerms, kind: str, key: str) -> int | None:
    """Return a limit as it is now, which may differ from when it was noticed."""
    if kind == "day":
        return plan.daily_units
    if kind == "month":
        return plan.monthly_units
    budgets = [Budget.model_validate(budget) for budget in tenant.budgets or ()]
    same = (one for one in budgets if (one.kind, one.key) == (kind, key))
    return next((follow_price(one, plan.price).monthly_units for one in same), None)
