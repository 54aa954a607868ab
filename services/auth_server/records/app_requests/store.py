"""The only SQL on app requests."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.app_requests.table import AppRequest

KEPT = timedelta(days=30)
"""How long the admins see a request."""


async def find_app_request(db: DbSession, request_id: str) -> AppRequest | None:
    """Look up a request."""
    return await db.get(AppRequest, request_id, populate_existing=True)


async def put_app_request(db: DbSession, request: AppRequest) -> None:
    """Store a request, in place of an earlier one of the same person and app."""
    await db.merge(request)
    await db.flush()


async def list_app_requests(db: DbSession, tenant_id: str, *, most: int) -> Sequence[AppRequest]:
    """List some of the requests in a tenant, the oldest first."""
    query = (
        select(AppRequest)
        .where(col(AppRequest.tenant_id) == tenant_id)
        .order_by(col(AppRequest.asked_at), col(AppRequest.request_id))
        .limit(most)
    )
    return (await db.execute(query)).scalars().all()


async def drop_app_request(db: DbSession, request: AppRequest) -> None:
    """Delete a request."""
    await db.delete(request)
    await db.flush()


async def purge_app_requests(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the requests from before a time; return whether there may be more."""
    return await delete_some(db, AppRequest, col(AppRequest.asked_at) < before)
