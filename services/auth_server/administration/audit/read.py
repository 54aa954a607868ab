"""Search the audit log."""

import json
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from auth_server.administration.audit.words import describe, require_event
from auth_server.administration.errors import Refused
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import Slice, cut, is_instant, read_instant
from auth_server.db.engine import DbSession
from auth_server.records.audit.search import AuditFilter, search_newest
from auth_server.records.audit.table import AuditEntry

_LARGEST = 2**31 - 1


class AuditEntryView(BaseModel):
    """An entry of the audit log."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    number: int
    at: datetime
    event: str
    words: str
    """The event in English words."""
    person_id: str
    client_id: str
    tenant_id: str
    grant_id: str
    """The grant or API key."""
    detail: dict[str, Any]
    previous_hash: str
    """The hash of the entry before it."""
    hash: str
    """SHA-256 over the entry and `previous_hash`."""


async def read_entries(
    db: DbSession, operator: ActingOperator, which: AuditFilter, *, after: str = "", limit: int
) -> Slice[AuditEntryView]:
    """List the entries that match, the newest first.

    Raises:
        Forbidden: `audit:read` is missing.
        Refused: `after` is not a place in the log, or a value of the filter is refused.
    """
    operator.require("audit:read")
    require_filter(which)
    before = int(after) if after.isascii() and after.isdigit() and len(after) < 11 else None
    if after and (before is None or before > _LARGEST):
        raise Refused("after", "must be the `next` of the page before")
    rows = await search_newest(db, which, before=before, most=limit + 1)
    return cut([view_entry(row) for row in rows], limit, place=lambda view: str(view.number))


def require_filter(which: AuditFilter) -> None:
    """Check the values of a filter.

    Raises:
        Refused: one has unprintable characters, no event has the name, or a time has no zone.
    """
    for name in ("event", "person_id", "client_id", "tenant_id", "grant_id"):
        if not getattr(which, name).isprintable():
            raise Refused(name, "must be printable characters")
    if which.event:
        require_event(which.event)
    for name in ("since", "until"):
        at = getattr(which, name)
        if at is not None and not is_instant(at):
            raise Refused(name, "must be a time with its zone, such as 2026-11-01T00:00:00Z")


def read_day(text: str, name: str) -> datetime | None:
    """Read the beginning of a day in UTC; None if the text is empty.

    Raises:
        Refused: it is not a day.
    """
    if not text:
        return None
    day = read_instant(f"{text}T00:00+00:00")
    if day is None:
        raise Refused(name, "must be a day such as 2026-11-28")
    return day


def view_entry(row: AuditEntry) -> AuditEntryView:
    """Make the view of an entry."""
    return AuditEntryView(
        number=row.number,
        at=row.at,
        event=row.event,
        words=describe(row.event),
        person_id=row.person_id,
        client_id=row.client_id,
        tenant_id=row.tenant_id,
        grant_id=row.grant_id,
        detail=json.loads(row.detail),
        previous_hash=row.previous_hash,
        hash=row.hash,
    )
