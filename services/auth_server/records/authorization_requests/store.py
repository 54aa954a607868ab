"""The only SQL on authorization requests."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, delete, exists, func, select, update
from sqlalchemy.orm import Mapped
from sqlmodel import col

from auth_server.db.engine import DbSession
from auth_server.db.purge import AT_ONCE
from auth_server.records.authorization_requests.table import AuthorizationRequest, Progress


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


async def note_account(db: DbSession, transaction_id: str) -> None:
    """Store that the person chose an account."""
    await db.execute(
        update(AuthorizationRequest)
        .where(col(AuthorizationRequest.transaction_id) == transaction_id)
        .values(choose_account=False)
    )


async def forgo_class(db: DbSession, transaction_id: str) -> None:
    """Store that the person goes on without the sign-in that the app prefers."""
    await db.execute(
        update(AuthorizationRequest)
        .where(col(AuthorizationRequest.transaction_id) == transaction_id)
        .values(wanted_class=None)
    )


async def note_progress(db: DbSession, transaction_id: str, progress: Progress) -> None:
    """Store how far a pending request came."""
    await db.execute(
        update(AuthorizationRequest)
        .where(
            col(AuthorizationRequest.transaction_id) == transaction_id,
            col(AuthorizationRequest.finished_at).is_(None),
        )
        .values(progress=progress)
    )


async def finish_authorization_request(
    db: DbSession, transaction_id: str, answer: Literal["approved", "denied"], *, now: datetime
) -> bool:
    """Mark an authorization request as answered; return whether this call did it."""
    finished = await db.execute(
        update(AuthorizationRequest)
        .where(
            col(AuthorizationRequest.transaction_id) == transaction_id,
            col(AuthorizationRequest.finished_at).is_(None),
        )
        .values(finished_at=now, progress=answer)
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


async def take_expired_requests(
    db: DbSession, *, before: datetime
) -> Sequence[tuple[datetime, str]]:
    """Delete up to `AT_ONCE` requests that expired before a time.

    Returns:
        When each was made, and how far it came.
    """
    transaction_id = col(AuthorizationRequest.transaction_id)
    # A row that a request has locked is left for the next time.
    some = (
        select(transaction_id)
        .where(col(AuthorizationRequest.expires_at) < before)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    gone = await db.execute(
        delete(AuthorizationRequest)
        .where(transaction_id.in_(some))
        .returning(col(AuthorizationRequest.created_at), col(AuthorizationRequest.progress))
    )
    return [(created_at, progress) for created_at, progress in gone.all()]


async def count_progress(db: DbSession, *, since: datetime) -> dict[str, int]:
    """Count the stored requests that expire after a time, by how far they came."""
    query = (
        select(col(AuthorizationRequest.progress), func.count())
        .where(col(AuthorizationRequest.expires_at) > since)
        .group_by(col(AuthorizationRequest.progress))
    )
    return {progress: times for progress, times in (await db.execute(query)).all()}
