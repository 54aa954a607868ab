"""Follow the audit log from its first unread entry, and miss none."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from auth_server.db.engine import Database, DbSession
from auth_server.records.audit.store import list_entries_after, newest_number
from auth_server.records.audit.table import AuditEntry
from auth_server.records.progress.store import find_progress, lock_progress

JOB = "notices"
_AT_ONCE = 200

TakeEntry = Callable[[DbSession, AuditEntry, datetime], Awaitable[None]]
"""Stores what follows from an entry, in the transaction that moves the position."""


async def follow_log(database: Database, take: Sequence[TakeEntry], *, now: datetime) -> bool:
    """Take the next entries; return whether there may be more.

    An entry is visible before the next one can get its number, since appends wait for each other's
    commit. So a read from a position onwards misses no entry that will become visible later. What
    happened before the first run is not taken.
    """
    async with database.reading() as db:
        newest, reached = await newest_number(db), await find_progress(db, JOB)
    if reached is not None and reached >= newest:
        return False
    async with database.writing() as db, db.begin():
        progress = await lock_progress(db, JOB, start=newest)
        if progress is None:
            return False
        entries = await list_entries_after(db, progress.reached, most=_AT_ONCE)
        for entry in entries:
            for each in take:
                await each(db, entry, now)
            progress.reached = entry.number
    return len(entries) == _AT_ONCE
