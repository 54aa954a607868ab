"""The only SQL on refused events."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, delete, select

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.refused_events.table import RefusedEvent

MOST_BYTES = 64 * 1024


class Refused(NamedTuple):
    """What was refused, and why."""

    payload: bytes
    reason: str
    resource: str = ""


async def add_refused(db: DbSession, refused: Sequence[Refused], *, now: datetime) -> None:
    """Keep refused events; one that is known stays as it was."""
    if not refused:
        return
    rows = {
        hashlib.sha256(one.payload).hexdigest(): {
            "payload": one.payload[:MOST_BYTES],
            "resource": one.resource,
            "reason": one.reason[:500],
            "refused_at": now,
        }
        for one in refused
    }
    insert: Any = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    ordered = [{"digest": digest, **rows[digest]} for digest in sorted(rows)]
    await db.execute(insert(RefusedEvent).on_conflict_do_nothing(), ordered)


async def list_refused(
    db: DbSession,
    *,
    before: tuple[datetime, str] | None = None,
    most: int,
    digests: Sequence[str] | None = None,
) -> Sequence[RefusedEvent]:
    """List refused events, the newest first; `digests` names some by the start of their digests.

    `before` is the time and the digest of the event after which the list goes on.
    """
    at, digest = col(RefusedEvent.refused_at), col(RefusedEvent.digest)
    query = select(RefusedEvent).order_by(at.desc(), digest.desc()).limit(most)
    if before is not None:
        query = query.where(tuple_(at, digest) < tuple_(*before))
    rows = (await db.execute(query)).scalars().all()
    if digests is None:
        return rows
    return [row for row in rows if row.digest.startswith(tuple(digests))]


async def find_refused(db: DbSession, digest: str) -> RefusedEvent | None:
    """Look up a refused event."""
    return await db.get(RefusedEvent, digest)


async def purge_refused(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the events that were refused before a time; return whether there may be more."""
    return await delete_some(db, RefusedEvent, col(RefusedEvent.refused_at) < before)


async def delete_refused(db: DbSession, digest: str) -> None:
    """Delete a refused event."""
    await db.execute(delete(RefusedEvent).where(col(RefusedEvent.digest) == digest))
