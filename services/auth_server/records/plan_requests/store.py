"""The only SQL on plan requests."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, tuple_
from sqlmodel import col, delete, select

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.plan_requests.table import PlanRequest

KEPT = timedelta(days=30)
"""How long the admins see a request."""


async def put_request(db: DbSession, tenant_id: str, person_id: str, *, now: datetime) -> None:
    """Store a member's request, in place of an earlier one."""
    await db.merge(PlanRequest(tenant_id=tenant_id, person_id=person_id, asked_at=now))
    await db.flush()


async def list_requests(
    db: DbSession, tenant_id: str, *, since: datetime | None
) -> Sequence[PlanRequest]:
    """List the requests in a tenant after a time, the oldest first."""
    query = (
        select(PlanRequest)
        .where(col(PlanRequest.tenant_id) == tenant_id)
        .order_by(col(PlanRequest.asked_at), col(PlanRequest.person_id))
    )
    if since is not None:
        query = query.where(col(PlanRequest.asked_at) > since)
    return (await db.execute(query)).scalars().all()


async def list_newest_requests(
    db: DbSession, *, before: tuple[datetime, str, str] | None, most: int
) -> Sequence[PlanRequest]:
    """List the requests in all tenants, the newest first.

    `before` is the time, tenant and person of the request after which the list goes on.
    """
    at, tenant_id, person_id = (
        col(PlanRequest.asked_at),
        col(PlanRequest.tenant_id),
        col(PlanRequest.person_id),
    )
    query = select(PlanRequest).order_by(at.desc(), tenant_id.desc(), person_id.desc()).limit(most)
    if before is not None:
        query = query.where(tuple_(at, tenant_id, person_id) < tuple_(*before))
    return (await db.execute(query)).scalars().all()


async def count_requests(db: DbSession, tenant_ids: Collection[str]) -> dict[str, int]:
    """Count the requests in each of some tenants that has any."""
    query = (
        select(col(PlanRequest.tenant_id), func.count())
        .where(col(PlanRequest.tenant_id).in_(set(tenant_ids)))
        .group_by(col(PlanRequest.tenant_id))
    )
    return {tenant_id: count for tenant_id, count in (await db.execute(query)).all()}


async def drop_requests(db: DbSession, tenant_id: str) -> None:
    """Delete the requests in a tenant."""
    await db.execute(delete(PlanRequest).where(col(PlanRequest.tenant_id) == tenant_id))


async def purge_requests(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the requests from before a time; return whether there may be more."""
    return await delete_some(db, PlanRequest, col(PlanRequest.asked_at) < before)
