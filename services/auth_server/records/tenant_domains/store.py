"""The only SQL on the domains of tenants."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select, update

from auth_server.db.engine import DbSession
from auth_server.records.tenant_domains.table import TenantDomain


async def add_domain(db: DbSession, domain: TenantDomain) -> None:
    """Add a claimed domain."""
    db.add(domain)
    await db.flush()


async def find_domain(db: DbSession, tenant_id: str, domain: str) -> TenantDomain | None:
    """Look up a domain that a tenant claims."""
    return await db.get(TenantDomain, (tenant_id, domain), populate_existing=True)


async def list_domains(db: DbSession, tenant_id: str) -> Sequence[TenantDomain]:
    """List the domains that a tenant claims, by name."""
    query = select(TenantDomain).where(col(TenantDomain.tenant_id) == tenant_id)
    return (await db.execute(query.order_by(col(TenantDomain.domain)))).scalars().all()


async def find_owner(db: DbSession, domain: str) -> str | None:
    """Return the tenant that has a domain verified."""
    query = select(TenantDomain.tenant_id).where(col(TenantDomain.verified_domain) == domain)
    return (await db.execute(query)).scalar_one_or_none()


async def verify_domain(
    db: DbSession, tenant_id: str, domain: str, *, check_at: datetime, now: datetime
) -> bool:
    """Make a claimed domain verified; False if another tenant has it."""
    verified = (
        update(TenantDomain)
        .where(col(TenantDomain.tenant_id) == tenant_id, col(TenantDomain.domain) == domain)
        .values(verified_domain=domain, verified_at=now, checked_at=now, check_at=check_at)
    )
    try:
        async with db.begin_nested():
            await db.execute(verified)
    except IntegrityError:
        return False
    return True


async def list_due_domains(db: DbSession, *, now: datetime, most: int) -> Sequence[tuple[str, str]]:
    """List some verified domains whose record is to be looked up, as tenant and domain."""
    query = (
        select(TenantDomain.tenant_id, TenantDomain.domain)
        .where(col(TenantDomain.check_at) <= now)
        .order_by(col(TenantDomain.check_at))
        .limit(most)
    )
    return [(tenant_id, domain) for tenant_id, domain in (await db.execute(query)).all()]


async def defer_check(
    db: DbSession, tenant_id: str, domain: str, *, by: timedelta, now: datetime
) -> bool:
    """Move the next look-up of a domain that is due; False if another process did so first."""
    moved = (
        update(TenantDomain)
        .where(
            col(TenantDomain.tenant_id) == tenant_id,
            col(TenantDomain.domain) == domain,
            col(TenantDomain.check_at) <= now,
        )
        .values(check_at=now + by)
        .returning(col(TenantDomain.domain))
    )
    return (await db.execute(moved)).scalar_one_or_none() is not None


async def drop_domain(db: DbSession, domain: TenantDomain) -> None:
    """Delete a claimed domain."""
    await db.delete(domain)
    await db.flush()
