"""The only SQL on ceilings."""

from collections.abc import Collection, Sequence

from sqlmodel import col, delete, select

from auth_server.db.engine import DbSession
from auth_server.records.ceilings.table import Ceiling


async def list_ceilings(db: DbSession, client_id: str) -> Sequence[Ceiling]:
    """List a client's ceilings, one for each resource for which it may get tokens."""
    query = (
        select(Ceiling).where(col(Ceiling.client_id) == client_id).order_by(col(Ceiling.resource))
    )
    return (await db.execute(query)).scalars().all()


async def list_service_clients(db: DbSession, tenant_id: str) -> Sequence[str]:
    """List the ids of the clients that act as themselves for a tenant."""
    query = select(Ceiling.client_id).where(col(Ceiling.tenant_id) == tenant_id).distinct()
    return (await db.execute(query)).scalars().all()


async def list_ceilings_of_tenant(db: DbSession, tenant_id: str) -> Sequence[Ceiling]:
    """List what clients may do by themselves for a tenant, by client and resource."""
    query = select(Ceiling).where(col(Ceiling.tenant_id) == tenant_id)
    order = (col(Ceiling.client_id), col(Ceiling.resource))
    return (await db.execute(query.order_by(*order))).scalars().all()


async def drop_ceilings(db: DbSession, client_id: str, tenant_id: str) -> int:
    """Delete a client's ceilings in a tenant, and return how many there were."""
    dropped = await db.execute(
        delete(Ceiling)
        .where(col(Ceiling.client_id) == client_id, col(Ceiling.tenant_id) == tenant_id)
        .returning(col(Ceiling.resource))
    )
    return len(dropped.all())


async def keep_ceilings(db: DbSession, client_id: str, resources: Collection[str]) -> None:
    """Delete a client's ceilings on all resources except these."""
    for ceiling in await list_ceilings(db, client_id):
        if ceiling.resource not in resources:
            await db.delete(ceiling)
    await db.flush()


async def put_ceiling(db: DbSession, ceiling: Ceiling) -> None:
    """Set a client's ceiling on a resource, as the next version if one exists."""
    known = await db.get(Ceiling, (ceiling.client_id, ceiling.resource))
    if known is not None:
        ceiling.version = known.version + 1
    await db.merge(ceiling)
    await db.flush()
