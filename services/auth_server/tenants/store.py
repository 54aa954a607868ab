"""The only SQL on tenants and memberships."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from auth_server.tenants.table import Membership, Tenant
from gatepost.data_scope import DataScope, parse_data_scope


@dataclass(frozen=True, slots=True)
class Seat:
    """A person's place in one tenant."""

    tenant_id: str
    tenant_name: str
    rate_limit_tier: str
    role: str
    data_scope: DataScope
    required_level: int


async def list_seats(db: AsyncSession, person_id: str) -> list[Seat]:
    """List where a person is a member, by the tenants' names; disabled tenants are left out."""
    query = (
        select(Tenant, Membership)
        .join(Membership, col(Membership.tenant_id) == col(Tenant.tenant_id))
        .where(col(Membership.person_id) == person_id, col(Tenant.disabled_at).is_(None))
        .order_by(col(Tenant.name), col(Tenant.tenant_id))
    )
    return [
        Seat(
            tenant_id=tenant.tenant_id,
            tenant_name=tenant.name,
            rate_limit_tier=tenant.rate_limit_tier,
            role=membership.role,
            data_scope=parse_data_scope(membership.data_scope),
            required_level=tenant.required_level,
        )
        for tenant, membership in (await db.execute(query)).all()
    ]


async def find_seat(db: AsyncSession, person_id: str, tenant_id: str) -> Seat | None:
    """Look up a person's place in one tenant."""
    seats = await list_seats(db, person_id)
    return next((seat for seat in seats if seat.tenant_id == tenant_id), None)


async def find_tenant(db: AsyncSession, tenant_id: str) -> Tenant | None:
    """Look up a tenant that is not disabled."""
    tenant = await db.get(Tenant, tenant_id)
    return tenant if tenant is not None and tenant.disabled_at is None else None


async def put_tenant(db: AsyncSession, tenant: Tenant) -> None:
    """Add a tenant, or replace the one with the same id."""
    await db.merge(tenant)
    await db.flush()


async def put_membership(db: AsyncSession, membership: Membership) -> None:
    """Add a membership, or replace the one of the same person and tenant."""
    await db.merge(membership)
    await db.flush()
