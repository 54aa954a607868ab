"""The only SQL on sessions."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.sessions.table import Session


async def find_session(
    db: DbSession, session_hash: str, *, now: datetime, idle: timedelta
) -> Session | None:
    """Look up a live session: not ended, not expired and not idle too long."""
    session = await db.get(Session, session_hash)
    if session is None or session.ended_at is not None:
        return None
    if now >= session.expires_at or now >= session.last_seen_at + idle:
        return None
    return session


async def add_session(db: DbSession, session: Session) -> None:
    """Store a new session."""
    db.add(session)
    await db.flush()


async def list_sessions(
    db: DbSession, person_id: str, *, now: datetime, idle: timedelta
) -> Sequence[Session]:
    """List a person's live sessions, most recently used first."""
    query = (
        select(Session)
        .where(
            col(Session.person_id) == person_id,
            col(Session.ended_at).is_(None),
            col(Session.expires_at) > now,
            col(Session.last_seen_at) > now - idle,
        )
        .order_by(col(Session.last_seen_at).desc(), col(Session.session_hash))
    )
    return (await db.execute(query)).scalars().all()


async def end_session_of(
    db: DbSession, person_id: str, session_hash: str, *, now: datetime
) -> bool:
    """End one of a person's sessions; return whether it was live. Grants stay."""
    ended = await db.execute(
        update(Session)
        .where(
            col(Session.session_hash) == session_hash,
            col(Session.person_id) == person_id,
            col(Session.ended_at).is_(None),
        )
        .values(ended_at=now)
        .returning(col(Session.session_hash))
    )
    return ended.scalar_one_or_none() is not None


async def end_session(db: DbSession, session_hash: str, *, now: datetime) -> None:
    """End a session, if it exists."""
    await db.execute(
        update(Session)
        .where(col(Session.session_hash) == session_hash, col(Session.ended_at).is_(None))
        .values(ended_at=now)
    )


async def end_sessions(
    db: DbSession, person_id: str, *, now: datetime, keep: str | None = None
) -> None:
    """End all sessions of a person but the one whose hash is `keep`."""
    await db.execute(
        update(Session)
        .where(
            col(Session.person_id) == person_id,
            col(Session.ended_at).is_(None),
            col(Session.session_hash) != (keep or ""),
        )
        .values(ended_at=now)
    )


async def touch_session(db: DbSession, session_hash: str, *, now: datetime) -> None:
    """Record that a session was used."""
    await db.execute(
        update(Session).where(col(Session.session_hash) == session_hash).values(last_seen_at=now)
    )


async def purge_sessions(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the sessions that expired before a time; return whether there may be more."""
    return await delete_some(db, Session, col(Session.expires_at) < before)
