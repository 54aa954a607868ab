"""Show the plans and who has them, and move a tenant to another plan."""

from datetime import datetime
from decimal import Decimal
from typing import Self

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import Slice, cut, read_place, write_place
from auth_server.billing.states import ENDED
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.billing_accounts.store import find_account
from auth_server.records.people.store import find_people
from auth_server.records.plan_requests.store import list_newest_requests
from auth_server.records.plans.store import list_plans
from auth_server.records.plans.terms import PlanTerms
from auth_server.records.tenants.store import (
    change_plan,
    count_tenants_of_plan,
    find_tenants,
    list_tenants_of_plan,
    lock_tenant,
)
from auth_server.records.tenants.table import Tenant

MOST_COUNTED = 10_000
"""The tenants of a plan are counted up to this number."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class PriceStepView(_Value):
    """The price of each unit up to a number of units in a month; null for all that follow."""

    up_to: int | None
    unit_price: Decimal


class PlanView(_Value):
    """A plan: what its tenants may do, what it costs, and how many have it."""

    name: str
    title: str
    per_minute: int
    """Calls a minute of a tenant."""
    burst: int
    """Calls that a tenant may make at once after a pause."""
    concurrent: int | None
    """Calls that a tenant may run at once."""
    daily_units: int | None
    """Null for no quota."""
    monthly_units: int | None
    overage: bool
    """Whether calls beyond the quotas pass, because the tenant pays for them."""
    listed: bool
    """Whether tenants can choose the plan themselves."""
    currency: str
    monthly: Decimal
    """The flat price of a month."""
    included_units: int
    """Units of a month that the flat price covers."""
    steps: tuple[PriceStepView, ...]
    """Prices of the units beyond those."""
    price: str
    """The price in words."""
    trial_days: int
    credits: tuple[Decimal, ...]
    """Amounts of credit that its tenants can buy."""
    tenants: int
    """How many tenants have the plan, counted up to 10,000."""

    @classmethod
    def of(cls, plan: PlanTerms, tenants: int) -> Self:
        """Make the view of a plan."""
        price = plan.price
        names = ("name", "title", "per_minute", "burst", "concurrent", "daily_units")
        more = ("monthly_units", "overage", "listed")
        costs = ("currency", "monthly", "included_units", "trial_days", "credits")
        return cls(
            **{name: getattr(plan, name) for name in (*names, *more)},
            **{name: getattr(price, name) for name in costs},
            steps=tuple(
                PriceStepView.model_validate(step, from_attributes=True) for step in price.steps
            ),
            price=price.in_words(),
            tenants=tenants,
        )


class PlanTenantView(_Value):
    """A tenant that has a plan."""

    tenant_id: str
    name: str
    plan: str
    plan_changed_at: datetime | None
    """When its plan or budgets last changed."""


class PlanRequestView(_Value):
    """A member's wish for a larger plan, of the last 30 days."""

    tenant_id: str
    tenant_name: str
    plan: str
    """The plan that the tenant has."""
    person_id: str
    person_name: str
    asked_at: datetime


async def read_plans(db: DbSession, operator: ActingOperator) -> list[PlanView]:
    """List the plans in force, from the smallest to the largest.

    Raises:
        Forbidden: `plans:read` is missing.
    """
    operator.require("plans:read")
    return [
        PlanView.of(plan, await count_tenants_of_plan(db, plan.name, most=MOST_COUNTED))
        for plan in await list_plans(db)
    ]


async def read_plan_tenants(
    db: DbSession, operator: ActingOperator, plan: str, *, after: str = "", limit: int
) -> Slice[PlanTenantView]:
    """List the tenants that have a plan, by id.

    Raises:
        Forbidden: `plans:read` is missing.
    """
    operator.require("plans:read")
    rows = await list_tenants_of_plan(db, plan, after=after, most=limit + 1)
    return cut([_view(row) for row in rows], limit, place=lambda view: view.tenant_id)


async def read_plan_requests(
    db: DbSession, operator: ActingOperator, *, after: str = "", limit: int
) -> Slice[PlanRequestView]:
    """List the members who asked for a larger plan, the newest request first.

    Raises:
        Forbidden: `plans:read` is missing.
        Refused: `after` is not the `next` of another page.
    """
    operator.require("plans:read")
    place = read_place(after)
    before = None if place is None else (place[0], *place[1].partition("~")[::2])
    rows = await list_newest_requests(db, before=before, most=limit + 1)
    people = await find_people(db, {row.person_id for row in rows})
    tenants = await find_tenants(db, {row.tenant_id for row in rows})
    views = [
        PlanRequestView(
            tenant_id=row.tenant_id,
            tenant_name=tenants[row.tenant_id].name,
            plan=tenants[row.tenant_id].rate_limit_tier,
            person_id=row.person_id,
            person_name=people[row.person_id].name,
            asked_at=row.asked_at,
        )
        for row in rows
    ]
    return cut(
        views,
        limit,
        place=lambda view: write_place(view.asked_at, f"{view.tenant_id}~{view.person_id}"),
    )


async def move_tenant(
    db: DbSession, operator: ActingOperator, tenant_id: str, *, plan: str, now: datetime
) -> PlanTenantView:
    """Give a tenant another plan, which gateways learn within two seconds.

    Raises:
        Forbidden: `plans:write` is missing.
        NotFound: the tenant does not exist.
        Refused: the plan does not exist, or a subscription at Stripe decides about the tenant's plan.
    """
    operator.act(db, "plans:write")
    names = [one.name for one in await list_plans(db)]
    if plan not in names:
        raise Refused("plan", f"must be one of {', '.join(names)}")
    tenant = await lock_tenant(db, tenant_id)
    if tenant is None:
        raise NotFound(f"the tenant {tenant_id} does not exist")
    if tenant.rate_limit_tier != plan:
        await require_free_choice(db, tenant_id)
        change_plan(tenant, plan, now=now)
        await db.flush()
        changed = Audit("tenant.changed", tenant_id=tenant_id, detail={"rate_limit_tier": plan})
        await record(db, changed, now=now)
    return _view(tenant)


async def require_free_choice(db: DbSession, tenant_id: str) -> None:
    """Refuse to change the plan of a tenant that pays for one.

    The next reading of its subscription would take the change back.

    Raises:
        Refused: a subscription at Stripe gives the tenant its plan.
    """
    account = await find_account(db, tenant_id)
    if account is not None and account.plan and account.status not in ENDED:
        raise Refused(
            "plan",
            f"the subscription at Stripe gives this tenant the plan {account.plan}; change or end "
            "the subscription there",
        )


def _view(row: Tenant) -> PlanTenantView:
    return PlanTenantView(
        tenant_id=row.tenant_id,
        name=row.name,
        plan=row.rate_limit_tier,
        plan_changed_at=row.plan_changed_at,
    )
