"""The only SQL on attempts."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
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
    row = await _lock(db, counted_as, now=now)
    if now >= row.since + window:
        row.number, row.since = 0, now
    if row.number >= most:
        return row.since + window
    row.number += 1
    await db.flush()
    return None


async def count_guess(
    db: DbSession, counted_as: str, *, pause: Callable[[int], timedelta], now: datetime
) -> datetime | None:
    """Count one guess after the pause that those before it cause, in any number of parallel ones.

    Args:
        db: the open transaction.
        counted_as: the key under which guesses are counted until `forget_attempts`.
        pause: how long to wait after a number of guesses.
        now: the time.

    Returns:
        None if the guess was counted and is allowed; otherwise when the next one is allowed.
    """
    row = await _lock(db, counted_as, now=now)
    if now < (until := row.since + pause(row.number)):
        return until
    row.number, row.since = row.number + 1, now
    await db.flush()
    return None


async def read_number(db: DbSession, counted_as: str) -> int:
    """Return how many attempts are counted."""
    row = await db.get(Attempts, counted_as, populate_existing=True)
    return 0 if row is None else row.number


async def _lock(db: DbSession, counted_as: str, *, now: datetime) -> Attempts:
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
    return row


async def give_back_attempt(db: DbSession, counted_as: str) -> None:
    """Take one attempt off the count, because it succeeded."""
    fewer = case((col(Attempts.number) > 0, col(Attempts.number) - 1), else_=0)
    await db.execute(
        update(Attempts).where(col(Attempts.counted_as) == counted_as).values(number=fewer)
    )


async def forget_attempts(db: DbSession, counted_as: Collection[str]) -> None:
    """Reset these counts."""
    await db.execute(delete(Attempts).where(col(Attempts.counted_as).in_(counted_as)))


async def purge_attempts(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the counts that began before a time; return whether there may be more."""
    return await delete_some(db, Attempts, col(Attempts.since) < before)
