"""The only SQL on the providers of tenants."""

from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.tenant_providers.table import TenantProvider


async def find_assignment(db: DbSession, provider: str) -> TenantProvider | None:
    """Look up the tenant of a provider."""
    return await db.get(TenantProvider, provider, populate_existing=True)


async def find_provider(db: DbSession, tenant_id: str) -> TenantProvider | None:
    """Look up the provider of a tenant."""
    query = select(TenantProvider).where(col(TenantProvider.tenant_id) == tenant_id)
    return (await db.execute(query)).scalar_one_or_none()


async def list_assignments(db: DbSession) -> Sequence[TenantProvider]:
    """List the assigned providers by name."""
    query = select(TenantProvider).order_by(col(TenantProvider.provider))
    return (await db.execute(query)).scalars().all()


async def add_assignment(db: DbSession, assignment: TenantProvider) -> bool:
    """Assign a provider to a tenant that has none; return False if another tenant just got it."""
    try:
        async with db.begin_nested():
            db.add(assignment)
    except IntegrityError:
        return False
    return True


async def drop_assignment(db: DbSession, assignment: TenantProvider) -> None:
    """End an assignment."""
    await db.delete(assignment)
    await db.flush()
