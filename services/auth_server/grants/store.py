"""The only SQL on grants."""

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from auth_server.grants.table import Grant


async def find_grant(db: AsyncSession, grant_id: str) -> Grant | None:
    """Look up a grant that still holds."""
    grant = await db.get(Grant, grant_id)
    return grant if grant is not None and grant.revoked_at is None else None


async def find_live_grant(
    db: AsyncSession, *, person_id: str, client_id: str, tenant_id: str, resource: str
) -> Grant | None:
    """Look up the one live grant of a person, client, tenant and resource."""
    query = select(Grant).where(
        col(Grant.person_id) == person_id,
        col(Grant.client_id) == client_id,
        col(Grant.tenant_id) == tenant_id,
        col(Grant.resource) == resource,
        col(Grant.revoked_at).is_(None),
    )
    return (await db.execute(query)).scalar_one_or_none()


async def put_grant(db: AsyncSession, grant: Grant) -> Grant:
    """Store a person's latest answer: a new grant, or the next version of the live one.

    Args:
        db: the open transaction.
        grant: what was shown and chosen, with a fresh id that is used only where there is no live
            grant of this person, client, tenant and resource.
    """
    live = await find_live_grant(
        db,
        person_id=grant.person_id,
        client_id=grant.client_id,
        tenant_id=grant.tenant_id,
        resource=grant.resource,
    )
    if live is None:
        db.add(grant)
        await db.flush()
        return grant
    live.scope = grant.scope
    live.tools = grant.tools
    live.data_scope = grant.data_scope
    live.redirect_host = grant.redirect_host
    live.client_snapshot = grant.client_snapshot
    live.catalogue_hash = grant.catalogue_hash
    live.updated_at = grant.updated_at
    live.version += 1
    await db.flush()
    return live
