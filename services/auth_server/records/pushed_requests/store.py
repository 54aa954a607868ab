"""The only SQL on pushed authorization requests."""

from datetime import datetime

from sqlalchemy import delete
from sqlmodel import col

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.pushed_requests.table import PushedRequest


async def add_pushed_request(db: DbSession, pushed: PushedRequest) -> None:
    """Store what a client pushed."""
    db.add(pushed)
    await db.flush()


async def take_pushed_request(
    db: DbSession, uri_hash: str, client_id: str, *, now: datetime
) -> dict[str, list[str]] | None:
    """Take what this client pushed, once; of any number of parallel calls, exactly one gets it."""
    taken = await db.execute(
        delete(PushedRequest)
        .where(
            col(PushedRequest.uri_hash) == uri_hash,
            col(PushedRequest.client_id) == client_id,
            col(PushedRequest.expires_at) > now,
        )
        .returning(col(PushedRequest.parameters))
    )
    return taken.scalar_one_or_none()


async def purge_pushed_requests(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the requests that expired before a time; return whether there may be more."""
    return await delete_some(db, PushedRequest, col(PushedRequest.expires_at) < before)
