"""The only SQL on external events."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, delete, select, update

from auth_server.db.engine import DbSession
from auth_server.records.external_events.table import ExternalEvent


async def add_event(db: DbSession, event: ExternalEvent) -> bool:
    """Add an event; return False if it was stored before."""
    insert: Any = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    added = await db.execute(
        insert(ExternalEvent)
        .values(event.model_dump())
        .on_conflict_do_nothing()
        .returning(col(ExternalEvent.event_id))
    )
    return added.scalar_one_or_none() is not None


async def find_event(db: DbSession, event_id: str) -> ExternalEvent | None:
    """Look up an event."""
    return await db.get(ExternalEvent, event_id)


async def list_waiting(
    db: DbSession, *, received_before: datetime, attempts: int, most: int
) -> Sequence[ExternalEvent]:
    """List events that were not processed, those with the fewest attempts first."""
    query = (
        select(ExternalEvent)
        .where(
            col(ExternalEvent.processed_at).is_(None),
            col(ExternalEvent.received_at) < received_before,
            col(ExternalEvent.attempts) < attempts,
        )
        .order_by(col(ExternalEvent.attempts), col(ExternalEvent.received_at))
        .limit(most)
    )
    return (await db.execute(query)).scalars().all()


async def list_events(
    db: DbSession,
    *,
    waiting: bool = False,
    before: tuple[datetime, str] | None = None,
    most: int,
) -> Sequence[ExternalEvent]:
    """List events, the newest first; with `waiting`, those that were not processed.

    `before` is the time and the id of the event after which the list goes on.
    """
    at, event_id = col(ExternalEvent.received_at), col(ExternalEvent.event_id)
    query = select(ExternalEvent).order_by(at.desc(), event_id.desc()).limit(most)
    if waiting:
        query = query.where(col(ExternalEvent.processed_at).is_(None))
    if before is not None:
        query = query.where(tuple_(at, event_id) < tuple_(*before))
    return (await db.execute(query)).scalars().all()


async def note_attempt(
    db: DbSession, event_id: str, *, tenant_id: str = "", now: datetime, problem: str = ""
) -> None:
    """Note that an event was processed, or why it was not, and whom it is about if that is known."""
    event = col(ExternalEvent.event_id) == event_id
    await db.execute(
        update(ExternalEvent)
        .where(event)
        .values(
            attempts=col(ExternalEvent.attempts) + 1,
            processed_at=None if problem else now,
            problem=problem[:500],
            **({"tenant_id": tenant_id} if tenant_id else {}),
        )
    )


async def purge_events(db: DbSession, *, before: datetime) -> None:
    """Delete events that were received before a time."""
    await db.execute(delete(ExternalEvent).where(col(ExternalEvent.received_at) < before))
