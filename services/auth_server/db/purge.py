"""Delete old rows in steps, so that no writer waits long for a purge."""

from typing import Any

from sqlalchemy import ColumnElement, delete, inspect, select, tuple_

from auth_server.db.engine import DbSession

AT_ONCE = 1_000
"""The number of rows that one step deletes."""


async def delete_some(db: DbSession, row: type, over: ColumnElement[bool]) -> bool:
    """Delete up to `AT_ONCE` of the rows that are over; return whether there may be more."""
    key: tuple[Any, ...] = inspect(row).primary_key
    # A row that a request has locked is left for the next time, so that no two wait for each other.
    some = select(*key).where(over).limit(AT_ONCE).with_for_update(skip_locked=True)
    gone = await db.execute(delete(row).where(tuple_(*key).in_(some)).returning(*key))
    return len(gone.all()) == AT_ONCE
