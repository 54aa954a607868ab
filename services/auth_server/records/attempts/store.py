"""The only SQL on attempts."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.attempts.table import Attempts


async def count_attempt(
    db: DbSession, counted_as: str, *, most: int, window: timedelta, now: datetime
) -> datetime | None:
    """Count one attempt; of any number of parallel ones, no more than `most` are let through.

    Args:
        db: the open transaction.
        counted_as: whose attempts are counted together.
        most: how many are let through in a window.
        window: how long they count, from the first of them.
        now: the time.

    Returns:
        None; or, where it would be too many and was not counted, when the next may follow.
    """
    insert: Any = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    first = insert(Attempts).values(counted_as=counted_as, number=0, since=now)
    await db.execute(first.on_conflict_do_nothing(index_elements=["counted_as"]))
    # On PostgreSQL parallel attempts wait here for one another, on SQLite at their beginning.
    query = select(Attempts).where(col(Attempts.counted_as) == counted_as).with_for_update()
    row = (await db.execute(query)).scalar_one()
    if now >= row.since + window:
        row.number, row.since = 0, now
    if row.number >= most:
        return row.since + window
    row.number += 1
    await db.flush()
    return None


async def give_back_attempt(db: DbSession, counted_as: str) -> None:
    """Take one attempt off the count: it was a right one."""
    fewer = case((col(Attempts.number) > 0, col(Attempts.number) - 1), else_=0)
    await db.execute(
        update(Attempts).where(col(Attempts.counted_as) == counted_as).values(number=fewer)
    )


async def forget_attempts(db: DbSession, counted_as: Collection[str]) -> None:
    """Begin to count anew."""
    await db.execute(delete(Attempts).where(col(Attempts.counted_as).in_(counted_as)))


async def purge_attempts(db: DbSession, *, before: datetime) -> None:
    """Forget what began to be counted before then."""
    await db.execute(delete(Attempts).where(col(Attempts.since) < before))
