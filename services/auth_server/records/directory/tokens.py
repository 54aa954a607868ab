"""The only SQL on directory tokens."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.directory.table import DirectoryToken

USE_IS_NOTED_EVERY = timedelta(minutes=1)


async def add_token(db: DbSession, token: DirectoryToken) -> None:
    """Store a token."""
    db.add(token)
    await db.flush()


async def find_live_token(db: DbSession, token_hash: str) -> DirectoryToken | None:
    """Look up a token that is not revoked."""
    query = select(DirectoryToken).where(
        col(DirectoryToken.token_hash) == token_hash, col(DirectoryToken.revoked_at).is_(None)
    )
    return (await db.execute(query)).scalar_one_or_none()


async def list_tokens(db: DbSession, tenant_id: str) -> Sequence[DirectoryToken]:
    """List a tenant's live tokens, the newest first."""
    query = select(DirectoryToken).where(
        col(DirectoryToken.tenant_id) == tenant_id, col(DirectoryToken.revoked_at).is_(None)
    )
    order = (col(DirectoryToken.created_at).desc(), col(DirectoryToken.token_id))
    return (await db.execute(query.order_by(*order))).scalars().all()


async def revoke_token_row(
    db: DbSession, tenant_id: str, token_id: str, *, now: datetime
) -> DirectoryToken | None:
    """Revoke a token of a tenant and return it, or None if it has no such live token."""
    revoked = await db.execute(
        update(DirectoryToken)
        .where(
            col(DirectoryToken.token_id) == token_id,
            col(DirectoryToken.tenant_id) == tenant_id,
            col(DirectoryToken.revoked_at).is_(None),
        )
        .values(revoked_at=now)
        .returning(DirectoryToken)
    )
    return revoked.scalar_one_or_none()


def needs_note_of_use(token: DirectoryToken, *, now: datetime) -> bool:
    """Return whether the last use should be written, which happens at most once a minute."""
    return token.last_used_at is None or now - token.last_used_at >= USE_IS_NOTED_EVERY


async def note_use(db: DbSession, token_id: str, *, now: datetime) -> None:
    """Record that a token was used."""
    unnoted = or_(
        col(DirectoryToken.last_used_at).is_(None), col(DirectoryToken.last_used_at) < now
    )
    await db.execute(
        update(DirectoryToken)
        .where(col(DirectoryToken.token_id) == token_id, unnoted)
        .values(last_used_at=now)
    )
