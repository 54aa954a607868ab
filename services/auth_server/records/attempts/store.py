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
    """Count one attempt; of any number of parallel attempts, at most `most` are allowed.

    Args:
        db: the open transaction.
        counted_as: the key under which attempts are counted together.
        most: how many attempts a window allows.
        window: how long attempts count, from the first one.
        now: the time.

    Returns:
        None if the attempt was counted and is allowed; otherwise when the next one is allowed.
    """
    insert: Any = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    # One statement inserts or locks the row: between two, a parallel success could delete it.
    counted = (
        insert(Attempts)
        .values(counted_as=counted_as, number=0, since=now)
        .on_conflict_do_update(index_elements=["counted_as"], set_={"number": Attempts.number})
        .returning(Attempts)
    )
    query = select(Attempts).from_statement(counted).execution_options(populate_existing=True)
    row: Attempts = (await db.execute(query)).scalar_one()
    if now >= row.since + window:
        row.number, row.since = 0, now
    if row.number >= most:
        return row.since + window
    row.number += 1
    await db.flush()
    return None


async def give_back_attempt(db: DbSession, counted_as: str) -> None:
    """Take one attempt off the count, because it succeeded."""
    fewer = case((col(Attempts.number) > 0, col(Attempts.number) - 1), else_=0)
    await db.execute(
        update(Attempts).where(col(Attempts.counted_as) == counted_as).values(number=fewer)
    )


async def forget_attempts(db: DbSession, counted_as: Collection[str]) -> None:
    """Reset these counts."""
    await db.execute(delete(Attempts).where(col(Attempts.counted_as).in_(counted_as)))


async def purge_attempts(db: DbSession, *, before: datetime) -> None:
    """Delete counts that began before a time."""
    await db.execute(delete(Attempts).where(col(Attempts.since) < before))
