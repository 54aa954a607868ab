"""Notice API keys that expire in 14 days or 3 days, each time once."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

from auth_server.db.engine import Database, DbSession
from auth_server.records.api_keys.store import list_expiring
from auth_server.records.api_keys.table import StoredApiKey
from auth_server.records.progress.store import find_progress, lock_progress
from auth_server.webhooks.messages import Message, make_message, queue_message

JOB = "expiring API keys"
BEFORE = (timedelta(days=14), timedelta(days=3))
_EVERY = timedelta(minutes=10)
_SHORTEST_USE = timedelta(days=1)

TakeKey = Callable[[DbSession, StoredApiKey, int, datetime], Awaitable[None]]
"""Stores what follows from a key that expires in a number of days."""


async def notice_expiring_keys(
    database: Database, take: Sequence[TakeKey], *, now: datetime
) -> None:
    """Notice the keys that came within 14 or 3 days of their end since the last run.

    A key that was created within a day of that moment is not noticed: its person has just seen when
    it expires.
    """
    reached = int(now.timestamp())
    async with database.reading() as db:
        before = await find_progress(db, JOB)
    if before is not None and reached - before < _EVERY.total_seconds():
        return
    async with database.writing() as db, db.begin():
        progress = await lock_progress(db, JOB, start=reached)
        if progress is None:
            return
        since, until = (datetime.fromtimestamp(at, UTC) for at in (progress.reached, reached))
        for ahead in BEFORE:
            for key in await list_expiring(db, after=since + ahead, until=until + ahead):
                if (
                    key.expires_at is None
                    or key.created_at > key.expires_at - ahead - _SHORTEST_USE
                ):
                    continue
                await queue_message(db, message_of_key(key, ahead.days, now=now), now=now)
                for each in take:
                    await each(db, key, ahead.days, now)
        progress.reached = reached


def message_of_key(key: StoredApiKey, days: int, *, now: datetime) -> Message:
    """Make the message that a key expires in a number of days; it has no part of the key."""
    expires_at = key.expires_at.isoformat(timespec="seconds") if key.expires_at else ""
    data = {
        "key_id": key.key_id,
        "label": key.label,
        "tenant_id": key.tenant_id,
        "person_id": key.person_id,
        "expires_at": expires_at,
        "days": days,
    }
    occurrence = f"{key.key_id} {expires_at} {days}"
    return make_message("api_key.expiring", occurrence, data, tenant_id=key.tenant_id, at=now)
