"""The only SQL on tenants and memberships."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, column, func, or_, table
from sqlalchemy import select as sql_select
from sqlmodel import col, select, update

from auth_server.db.engine import DbSession
from auth_server.db.raw_sql import RawSql, Row
from auth_server.records.tenants.policy import TenantPolicy
from auth_server.records.tenants.table import ADMIN, Membership, Tenant
from gatepost.data_scope import DataScope, parse_data_scope
from gatepost.metering.plans import Budget

_READ_NEWEST_CHANGES = """
SELECT tenant_id, plan_changed_at FROM tenants WHERE plan_changed_at >= :since
ORDER BY plan_changed_at DESC, tenant_id DESC LIMIT :most
"""

_MOST_ROLES = 50
_PEOPLE = table(
    "people", column("person_id", String), column("name", String), column("email", String)
)


@dataclass(frozen=True, slots=True)
class TenantMembership:
    """A person's membership in one tenant, with the tenant's policy."""

    tenant_id: str
    tenant_name: str
    rate_limit_tier: str
    role: str
    data_scope: DataScope
    policy: TenantPolicy
    provider_only_since: datetime | None = None
    break_glass_since: datetime | None = None

    @property
    def is_admin(self) -> bool:
        """Whether the person may change this tenant's policy and memberships."""
        return self.role == ADMIN


@dataclass(frozen=True, slots=True)
class ChangedPlan:
    """The plan and the budgets of a tenant, and when they last changed."""

    at: datetime
    tenant_id: str
    plan: str
    budgets: tuple[Budget, ...]


async def list_tenant_memberships(db: DbSession, person_id: str) -> list[TenantMembership]:
    """List a person's tenant memberships by tenant name, except in disabled tenants."""
    query = (
        select(Tenant, Membership)
        .join(Membership, col(Membership.tenant_id) == col(Tenant.tenant_id))
        .where(col(Membership.person_id) == person_id, col(Tenant.disabled_at).is_(None))
        .order_by(col(Tenant.name), col(Tenant.tenant_id))
    )
    return [
        TenantMembership(
            tenant_id=tenant.tenant_id,
            tenant_name=tenant.name,
            rate_limit_tier=tenant.rate_limit_tier,
            role=membership.role,
            data_scope=parse_data_scope(membership.data_scope),
            policy=tenant.policy,
            provider_only_since=tenant.provider_only_since,
            break_glass_since=membership.break_glass_since,
        )
        for tenant, membership in (await db.execute(query)).all()
    ]


async def find_tenant_membership(
    db: DbSession, person_id: str, tenant_id: str
) -> TenantMembership | None:
    """Look up a person's membership in a tenant that is not disabled."""
    memberships = await list_tenant_memberships(db, person_id)
    return next(
        (membership for membership in memberships if membership.tenant_id == tenant_id), None
    )


async def find_tenant(db: DbSession, tenant_id: str) -> Tenant | None:
    """Look up a tenant that is not disabled."""
    tenant = await db.get(Tenant, tenant_id)
    return tenant if tenant is not None and tenant.disabled_at is None else None


async def list_tenants(db: DbSession) -> Sequence[Tenant]:
    """List the tenants, including disabled ones, by id."""
    return (await db.execute(select(Tenant).order_by(col(Tenant.tenant_id)))).scalars().all()


async def find_tenants(db: DbSession, tenant_ids: Collection[str]) -> dict[str, Tenant]:
    """Look up tenants by their ids, including disabled tenants."""
    query = select(Tenant).where(col(Tenant.tenant_id).in_(set(tenant_ids)))
    return {tenant.tenant_id: tenant for tenant in (await db.execute(query)).scalars()}


async def list_tenant_names(db: DbSession, tenant_ids: Collection[str]) -> dict[str, str]:
    """Look up the names of tenants by their ids, including disabled tenants."""
    query = select(Tenant.tenant_id, Tenant.name).where(col(Tenant.tenant_id).in_(set(tenant_ids)))
    return {tenant_id: name for tenant_id, name in (await db.execute(query)).all()}


async def search_tenants(db: DbSession, search: str, *, after: str, most: int) -> Sequence[Tenant]:
    """List some tenants after an id, by id, if `search` is a part of their id or name."""
    query = select(Tenant).where(col(Tenant.tenant_id) > after)
    if search:
        query = query.where(
            or_(
                col(Tenant.tenant_id).icontains(search, autoescape=True),
                col(Tenant.name).icontains(search, autoescape=True),
            )
        )
    return (await db.execute(query.order_by(col(Tenant.tenant_id)).limit(most))).scalars().all()


async def list_tenants_of_plan(
    db: DbSession, plan: str, *, after: str, most: int
) -> Sequence[Tenant]:
    """List some tenants that have a plan after an id, by id."""
    query = (
        select(Tenant)
        .where(col(Tenant.rate_limit_tier) == plan, col(Tenant.tenant_id) > after)
        .order_by(col(Tenant.tenant_id))
        .limit(most)
    )
    return (await db.execute(query)).scalars().all()


async def count_tenants_of_plan(db: DbSession, plan: str, *, most: int) -> int:
    """Count the tenants that have a plan, but not beyond a number."""
    some = select(col(Tenant.tenant_id)).where(col(Tenant.rate_limit_tier) == plan).limit(most)
    return (await db.execute(sql_select(func.count()).select_from(some.subquery()))).scalar_one()


async def put_tenant(db: DbSession, tenant: Tenant, *, now: datetime) -> None:
    """Add a tenant, or change the name and tier of the one with the same id.

    An existing tenant keeps its policy, and a disabled one stays disabled.
    """
    known = await lock_tenant(db, tenant.tenant_id)
    if known is None:
        db.add(tenant)
    else:
        known.name = tenant.name
        if known.rate_limit_tier != tenant.rate_limit_tier:
            change_plan(known, tenant.rate_limit_tier, now=now)
    await db.flush()


def change_plan(tenant: Tenant, plan: str, *, now: datetime) -> None:
    """Give a tenant that is locked another plan, which gateways learn within two seconds."""
    tenant.rate_limit_tier = plan
    tenant.plan_changed_at = now


def change_budgets(tenant: Tenant, budgets: Sequence[Budget], *, now: datetime) -> None:
    """Replace the budgets of a tenant that is locked."""
    tenant.budgets = [budget.model_dump(mode="json") for budget in budgets] or None
    tenant.plan_changed_at = now


async def announce_tenants(db: DbSession, tenant_ids: Collection[str], *, now: datetime) -> None:
    """Let gateways hear of tenants again, because something that follows from a plan has changed."""
    await db.execute(
        update(Tenant).where(col(Tenant.tenant_id).in_(tenant_ids)).values(plan_changed_at=now)
    )


async def read_plan_times(db: DbSession, tenant_ids: Collection[str]) -> dict[str, datetime | None]:
    """Return when gateways last had to hear of tenants."""
    query = select(col(Tenant.tenant_id), col(Tenant.plan_changed_at)).where(
        col(Tenant.tenant_id).in_(tenant_ids)
    )
    return {tenant_id: at for tenant_id, at in (await db.execute(query)).all()}


async def list_plan_names(db: DbSession, tenant_ids: Collection[str]) -> dict[str, str]:
    """Return the names of the plans of tenants."""
    query = select(col(Tenant.tenant_id), col(Tenant.rate_limit_tier)).where(
        col(Tenant.tenant_id).in_(tenant_ids)
    )
    return {tenant_id: name for tenant_id, name in (await db.execute(query)).all()}


async def list_changed_plans(
    db: DbSession, *, after: tuple[datetime, str], most: int
) -> list[ChangedPlan]:
    """List the tenants whose plan or budgets changed after a place, in the order of their changes."""
    changed, (at, tenant_id) = col(Tenant.plan_changed_at), after
    query = (
        select(changed, col(Tenant.tenant_id), col(Tenant.rate_limit_tier), col(Tenant.budgets))
        # The first condition is for the index.
        .where(changed >= at, or_(changed > at, col(Tenant.tenant_id) > tenant_id))
        .order_by(changed, col(Tenant.tenant_id))
        .limit(most)
    )
    return [
        ChangedPlan(at, key, plan, tuple(Budget.model_validate(one) for one in budgets or ()))
        for at, key, plan, budgets in (await db.execute(query)).all()
    ]


async def read_newest_changes(raw_sql: RawSql, *, since: datetime, most: int) -> list[Row]:
    """Return the newest changes of plans and budgets, to compare them with those of another time."""
    return await raw_sql.fetch_all(_READ_NEWEST_CHANGES, {"since": since, "most": most})


async def lock_tenant(db: DbSession, tenant_id: str) -> Tenant | None:
    """Look up and lock a tenant, including a disabled one, to change it or its members."""
    # Locked, so that two changes at once don't mix; new grants may refer to the tenant meanwhile.
    return await db.get(
        Tenant, tenant_id, with_for_update={"key_share": True}, populate_existing=True
    )


async def find_membership(db: DbSession, person_id: str, tenant_id: str) -> Membership | None:
    """Look up a membership, including those of disabled people and tenants."""
    return await db.get(Membership, (person_id, tenant_id))


async def list_memberships(
    db: DbSession, *, tenant_id: str | None = None, person_id: str | None = None
) -> Sequence[Membership]:
    """List all memberships, or those of a tenant or person."""
    query = select(Membership).order_by(col(Membership.tenant_id), col(Membership.person_id))
    if tenant_id is not None:
        query = query.where(col(Membership.tenant_id) == tenant_id)
    if person_id is not None:
        query = query.where(col(Membership.person_id) == person_id)
    return (await db.execute(query)).scalars().all()


async def list_members(
    db: DbSession, tenant_id: str, *, search: str = "", after: str = "", skip: int, most: int
) -> Sequence[Membership]:
    """List some of a tenant's memberships after a person, by person.

    With `search`, only those of people whose name, e-mail address or role contains it.
    """
    query = select(Membership).where(
        col(Membership.tenant_id) == tenant_id, col(Membership.person_id) > after
    )
    if search:
        found = or_(
            _PEOPLE.c.name.icontains(search, autoescape=True),
            _PEOPLE.c.email.icontains(search, autoescape=True),
        )
        people = sql_select(_PEOPLE.c.person_id).where(
            _PEOPLE.c.person_id == col(Membership.person_id), found
        )
        query = query.where(
            or_(people.exists(), col(Membership.role).icontains(search, autoescape=True))
        )
    page = query.order_by(col(Membership.person_id)).offset(skip).limit(most)
    return (await db.execute(page)).scalars().all()


async def list_members_among(
    db: DbSession, tenant_id: str, person_ids: Collection[str]
) -> set[str]:
    """List which of some people are members of a tenant."""
    query = select(Membership.person_id).where(
        col(Membership.tenant_id) == tenant_id, col(Membership.person_id).in_(set(person_ids))
    )
    return set((await db.execute(query)).scalars())


async def list_members_elsewhere(
    db: DbSession, tenant_id: str, person_ids: Collection[str]
) -> set[str]:
    """List which of some people are members of another tenant than this one."""
    query = select(Membership.person_id).where(
        col(Membership.tenant_id) != tenant_id, col(Membership.person_id).in_(set(person_ids))
    )
    return set((await db.execute(query)).scalars())


async def list_admins(db: DbSession, tenant_id: str, *, most: int) -> list[str]:
    """List some of the people who are admins of a tenant."""
    query = (
        select(Membership.person_id)
        .where(col(Membership.tenant_id) == tenant_id, col(Membership.role) == ADMIN)
        .order_by(col(Membership.person_id))
        .limit(most)
    )
    return list((await db.execute(query)).scalars().all())


async def list_break_glass(db: DbSession, tenant_id: str) -> Sequence[Membership]:
    """List the admins of a tenant who may manage it without its own provider."""
    query = (
        select(Membership)
        .where(
            col(Membership.tenant_id) == tenant_id,
            col(Membership.role) == ADMIN,
            col(Membership.break_glass_since).is_not(None),
        )
        .order_by(col(Membership.person_id))
    )
    return (await db.execute(query)).scalars().all()


async def list_roles(db: DbSession, tenant_id: str) -> list[str]:
    """List the roles that a tenant's members have, with `member` and `admin`."""
    query = select(Membership.role).where(col(Membership.tenant_id) == tenant_id).distinct()
    found = (await db.execute(query.limit(_MOST_ROLES))).scalars().all()
    return sorted({"member", ADMIN, *found})


async def has_another_admin(db: DbSession, tenant_id: str, person_id: str) -> bool:
    """Return whether a tenant has an admin besides a person."""
    query = select(Membership.person_id).where(
        col(Membership.tenant_id) == tenant_id,
        col(Membership.role) == ADMIN,
        col(Membership.person_id) != person_id,
    )
    return (await db.execute(query.limit(1))).scalar_one_or_none() is not None


async def drop_membership(db: DbSession, membership: Membership) -> None:
    """Delete a membership."""
    await db.delete(membership)
    await db.flush()


async def put_membership(db: DbSession, membership: Membership) -> None:
    """Add a membership, or replace the one of the same person and tenant.

    An admin who stays one also keeps `break_glass_since`.
    """
    known = await find_membership(db, membership.person_id, membership.tenant_id)
    if known is not None and known.role == membership.role == ADMIN:
        membership.break_glass_since = known.break_glass_since
    await db.merge(membership)
    await db.flush()
