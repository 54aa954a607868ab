"""The only SQL on sessions."""

from datetime import datetime, timedelta

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from auth_server.sessions.table import Session


async def find_session(
    db: AsyncSession, session_hash: str, *, now: datetime, idle: timedelta
) -> Session | None:
    """Look up a session that still holds: not ended, not past its end, not idle too long."""
    session = await db.get(Session, session_hash)
    if session is None or session.ended_at is not None:
        return None
    if now >= session.expires_at or now >= session.last_seen_at + idle:
        return None
    return session


async def add_session(db: AsyncSession, session: Session) -> None:
    """Start a session."""
    db.add(session)
    await db.flush()


async def end_session(db: AsyncSession, session_hash: str, *, now: datetime) -> None:
    """End a session; nothing happens where there is none."""
    await db.execute(
        update(Session)
        .where(col(Session.session_hash) == session_hash, col(Session.ended_at).is_(None))
        .values(ended_at=now)
    )


async def touch_session(db: AsyncSession, session_hash: str, *, now: datetime) -> None:
    """Note that a session was used."""
    await db.execute(
        update(Session).where(col(Session.session_hash) == session_hash).values(last_seen_at=now)
    )


async def purge_sessions(db: AsyncSession, *, before: datetime) -> None:
    """Forget sessions that were over before then."""
    await db.execute(delete(Session).where(col(Session.expires_at) < before))
