"""The only SQL on tenants' apps and members' choices about them."""

from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.tenant_apps.table import AppChoice, TenantApp
from gatepost.network.organisation_address import resources_of_address


async def find_tenant_app(
    db: DbSession, tenant_id: str, client_id: str, resource: str
) -> TenantApp | None:
    """Look up an app that a tenant connects for its members."""
    return await db.get(TenantApp, (tenant_id, client_id, resource), populate_existing=True)


async def list_tenant_apps(db: DbSession, tenant_id: str) -> Sequence[TenantApp]:
    """List a tenant's apps by client and resource."""
    query = select(TenantApp).where(col(TenantApp.tenant_id) == tenant_id)
    order = (col(TenantApp.client_id), col(TenantApp.resource))
    return (await db.execute(query.order_by(*order))).scalars().all()


async def is_tenants_app(db: DbSession, client_id: str) -> bool:
    """Return whether any tenant connects this client for its members."""
    query = select(col(TenantApp.tenant_id)).where(col(TenantApp.client_id) == client_id).limit(1)
    return (await db.execute(query)).scalar_one_or_none() is not None


async def put_tenant_app(db: DbSession, app: TenantApp) -> None:
    """Store an app, in place of an earlier one of the same tenant, client and resource."""
    await db.merge(app)
    await db.flush()


async def drop_tenant_app(db: DbSession, app: TenantApp) -> None:
    """Delete an app."""
    await db.delete(app)
    await db.flush()


async def lock_choice(
    db: DbSession, *, person_id: str, tenant_id: str, client_id: str, resource: str
) -> AppChoice | None:
    """Look up and lock a member's choice about a tenant's app, by its resource or an address there."""
    for one in resources_of_address(resource):
        key = (person_id, tenant_id, client_id, one)
        choice = await db.get(AppChoice, key, with_for_update=True, populate_existing=True)
        if choice is not None:
            return choice
    return None


async def find_choice(
    db: DbSession, *, person_id: str, tenant_id: str, client_id: str, resource: str
) -> AppChoice | None:
    """Look up a member's choice about a tenant's app, by its resource or an address there."""
    for one in resources_of_address(resource):
        choice = await db.get(AppChoice, (person_id, tenant_id, client_id, one))
        if choice is not None:
            return choice
    return None


async def add_choice(db: DbSession, choice: AppChoice) -> AppChoice:
    """Store a member's first choice, or return the one that another transaction just stored, locked."""
    try:
        async with db.begin_nested():
            db.add(choice)
    except IntegrityError:
        known = await lock_choice(
            db,
            person_id=choice.person_id,
            tenant_id=choice.tenant_id,
            client_id=choice.client_id,
            resource=choice.resource,
        )
        if known is not None:
            return known
        raise
    return choice


async def list_ended_choices(
    db: DbSession, *, person_id: str | None = None, tenant_id: str | None = None, most: int
) -> Sequence[AppChoice]:
    """List some of the ended connections of a person or a tenant, the latest first."""
    query = select(AppChoice).where(col(AppChoice.ended_at).is_not(None))
    if person_id is not None:
        query = query.where(col(AppChoice.person_id) == person_id)
    if tenant_id is not None:
        query = query.where(col(AppChoice.tenant_id) == tenant_id)
    query = query.order_by(col(AppChoice.ended_at).desc(), col(AppChoice.client_id)).limit(most)
    return (await db.execute(query)).scalars().all()
