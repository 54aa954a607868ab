"""The only SQL on authorization requests."""

from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, update
from sqlalchemy.orm import Mapped
from sqlmodel import col

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.authorization_requests.table import AuthorizationRequest


async def add_authorization_request(
    db: DbSession, authorization_request: AuthorizationRequest
) -> None:
    """Store a checked request."""
    db.add(authorization_request)
    await db.flush()


async def find_authorization_request(
    db: DbSession, transaction_id: str, *, browser_hash: str, now: datetime, lock: bool = False
) -> AuthorizationRequest | None:
    """Look up a pending authorization request that this browser began; pass `lock` to answer it."""
    authorization_request = await db.get(
        AuthorizationRequest, transaction_id, with_for_update=True if lock else None
    )
    if authorization_request is None or authorization_request.browser_hash != browser_hash:
        return None
    if authorization_request.finished_at is not None or now >= authorization_request.expires_at:
        return None
    return authorization_request


async def choose_tenant(db: DbSession, transaction_id: str, tenant_id: str | None) -> None:
    """Store which tenant the person chose; None to ask again."""
    await db.execute(
        update(AuthorizationRequest)
        .where(col(AuthorizationRequest.transaction_id) == transaction_id)
        .values(tenant_id=tenant_id)
    )


async def finish_authorization_request(
    db: DbSession, transaction_id: str, *, now: datetime
) -> bool:
    """Mark an authorization request as answered; return whether this call did it."""
    finished = await db.execute(
        update(AuthorizationRequest)
        .where(
            col(AuthorizationRequest.transaction_id) == transaction_id,
            col(AuthorizationRequest.finished_at).is_(None),
        )
        .values(finished_at=now)
        .returning(col(AuthorizationRequest.transaction_id))
    )
    return finished.scalar_one_or_none() is not None


async def drop_authorization_requests(db: DbSession, client_id: str) -> None:
    """Delete a client's authorization requests."""
    await db.execute(
        delete(AuthorizationRequest).where(col(AuthorizationRequest.client_id) == client_id)
    )


def is_under_way(client_id: Mapped[str]) -> ColumnElement[bool]:
    """Make the condition that a client has an authorization request."""
    return exists().where(col(AuthorizationRequest.client_id) == client_id)


async def purge_authorization_requests(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the authorization requests that expired before a time; return whether there may be more."""
    return await delete_some(
        db, AuthorizationRequest, col(AuthorizationRequest.expires_at) < before
    )
