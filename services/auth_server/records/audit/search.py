"""Search the audit log, a page at a time in the order of the numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.audit.table import AuditEntry

_OVERLAP = timedelta(hours=1)
"""How far the order of the times may differ from that of the numbers: a transaction reads the clock
before it waits for others to append."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are asked for; an empty value does not restrict them.

    Attributes:
        event: the kind of event.
        person_id: the person.
        client_id: the client.
        tenant_id: the tenant.
        grant_id: the grant or API key.
        since: the earliest time.
        until: the time before which they happened.
        events: the kinds of events that may be seen at all.
    """

    event: str = ""
    person_id: str = ""
    client_id: str = ""
    tenant_id: str = ""
    grant_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    events: frozenset[str] = frozenset()


async def search_newest(
    db: DbSession, which: AuditFilter, *, before: int | None, most: int
) -> Sequence[AuditEntry]:
    """List entries with a lower number than `before`, the newest first."""
    return await _search(db, which, newest=True, place=before, most=most)


async def search_oldest(
    db: DbSession, which: AuditFilter, *, after: int, most: int
) -> Sequence[AuditEntry]:
    """List entries with a higher number than `after`, the oldest first."""
    return await _search(db, which, newest=False, place=after, most=most)


async def _search(
    db: DbSession, which: AuditFilter, *, newest: bool, place: int | None, most: int
) -> Sequence[AuditEntry]:
    number = col(AuditEntry.number)
    query = select(AuditEntry)
    if place is not None:
        query = query.where(number < place if newest else number > place)
    for name in ("event", "person_id", "client_id", "tenant_id", "grant_id"):
        if value := getattr(which, name):
            query = query.where(getattr(AuditEntry, name) == value)
    if which.events:
        query = query.where(col(AuditEntry.event).in_(sorted(which.events)))
    at = col(AuditEntry.at)
    if which.since is not None:
        first = await _first_number(db, which.since - _OVERLAP)
        if first is None:
            return []
        query = query.where(at >= which.since, number >= first)
    if which.until is not None:
        query = query.where(at < which.until)
        end = await _first_number(db, which.until + _OVERLAP)
        if end is not None:
            query = query.where(number <= end)
    query = query.order_by(number.desc() if newest else number).limit(most)
    return (await db.execute(query)).scalars().all()


async def _first_number(db: DbSession, since: datetime) -> int | None:
    """Find the number of the first entry since a time, through the index of times."""
    at = col(AuditEntry.at)
    query = select(AuditEntry.number).where(at >= since).order_by(at).limit(1)
    return (await db.execute(query)).scalar_one_or_none()
