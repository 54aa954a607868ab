"""The only SQL on admin tokens."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.admin_tokens.table import AdminToken

USE_IS_NOTED_EVERY = timedelta(minutes=1)


async def add_admin_token(db: DbSession, token: AdminToken) -> None:
    """Store a token."""
    db.add(token)
    await db.flush()


async def find_live_token(db: DbSession, token_hash: str, *, now: datetime) -> AdminToken | None:
    """Look up a token that is neither revoked nor expired."""
    query = select(AdminToken).where(
        col(AdminToken.token_hash) == token_hash,
        col(AdminToken.revoked_at).is_(None),
        col(AdminToken.expires_at) > now,
    )
    return (await db.execute(query)).scalar_one_or_none()


async def is_live(db: DbSession, token_id: str, *, now: datetime) -> bool:
    """Return whether a token is neither revoked nor expired."""
    row = await db.get(AdminToken, token_id)
    return row is not None and row.revoked_at is None and row.expires_at > now


async def list_admin_tokens(db: DbSession) -> Sequence[AdminToken]:
    """List the tokens, the newest first."""
    order = (col(AdminToken.created_at).desc(), col(AdminToken.token_id))
    return (await db.execute(select(AdminToken).order_by(*order))).scalars().all()


async def revoke_admin_token(db: DbSession, token_id: str, *, now: datetime) -> AdminToken | None:
    """Revoke a token and return it, or None if no such token is live."""
    revoked = await db.execute(
        update(AdminToken)
        .where(col(AdminToken.token_id) == token_id, col(AdminToken.revoked_at).is_(None))
        .values(revoked_at=now)
        .returning(AdminToken)
    )
    return revoked.scalar_one_or_none()


def needs_note_of_use(token: AdminToken, *, now: datetime) -> bool:
    """Return whether the last use should be written, which happens at most once a minute."""
    return token.last_used_at is None or now - token.last_used_at >= USE_IS_NOTED_EVERY


async def note_use(db: DbSession, token_id: str, *, now: datetime) -> None:
    """Record that a token was used."""
    unnoted = or_(
        col(AdminToken.last_used_at).is_(None),
        col(AdminToken.last_used_at) < now,
    )
    await db.execute(
        update(AdminToken)
        .where(col(AdminToken.token_id) == token_id, unnoted)
        .values(last_used_at=now)
    )
