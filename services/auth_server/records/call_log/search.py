"""Search the call log, the newest calls first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, or_
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.call_log.table import LoggedCall

MOST_READ = 20_000
"""The most calls that one search reads."""
_FIRST = 1_000


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are wanted; what is empty matches every call."""

    tenant_id: str = ""
    sub: str = ""
    client_id: str = ""
    tool: str = ""
    api: str = ""
    outcome: str = ""
    reason: str = ""


class CallPlace(NamedTuple):
    """A place in the call log."""

    at: datetime
    call_id: str


@dataclass(frozen=True, slots=True)
class FoundCalls:
    """Some calls, the newest first.

    Attributes:
        calls: the calls.
        next: where the search goes on; None at the end.
        is_partial: whether the search stopped at `MOST_READ` calls before it had enough.
    """

    calls: Sequence[LoggedCall]
    next: CallPlace | None
    is_partial: bool = False


async def find_call(db: DbSession, call_id: str) -> LoggedCall | None:
    """Look up one call; of several with one id, which no gateway sends, the newest."""
    query = select(LoggedCall).where(col(LoggedCall.call_id) == call_id)
    return (await db.execute(query.order_by(col(LoggedCall.at).desc()).limit(1))).scalar()


async def search_calls(
    db: DbSession,
    wanted: CallFilter,
    *,
    since: datetime,
    before: CallPlace,
    most: int,
    most_read: int = MOST_READ,
) -> FoundCalls:
    """Search the calls between two places.

    It reads a bounded number of calls, so that a search for something rare takes as long as any other.

    Args:
        db: an open database session.
        wanted: the calls to find.
        since: the earliest time.
        before: the place before which the calls lie.
        most: the most calls to return.
        most_read: the most calls to read.
    """
    at, call_id = col(LoggedCall.at), col(LoggedCall.call_id)
    earlier = or_(at < before.at, and_(at == before.at, call_id < before.call_id))
    lately: Any = (
        select(LoggedCall)
        .where(at >= since, at <= before.at, earlier)
        .order_by(at.desc(), call_id.desc())
    )
    if wanted.tenant_id:
        lately = lately.where(col(LoggedCall.tenant_id) == wanted.tenant_id)
    conditions = {
        name: value
        for name in ("sub", "client_id", "tool", "api", "outcome", "reason")
        if (value := getattr(wanted, name))
    }
    if not conditions:
        calls = (await db.execute(lately.limit(most + 1))).scalars().all()
        return _cut(calls, most)
    # Most searches have enough after the first calls, and SQLite reads all of a part at once.
    for part in (min(_FIRST, most_read), most_read):
        read: Any = aliased(LoggedCall, lately.limit(part).subquery())
        query = (
            select(read)
            .where(*(getattr(read, name) == value for name, value in conditions.items()))
            .order_by(read.at.desc(), read.call_id.desc())
            .limit(most + 1)
        )
        found = _cut((await db.execute(query)).scalars().all(), most)
        if found.next is not None:
            return found
    end = lately.with_only_columns(at, call_id).offset(most_read - 1).limit(1)
    last = (await db.execute(end)).first()
    return found if last is None else FoundCalls(found.calls, CallPlace(*last), is_partial=True)


def _cut(calls: Sequence[LoggedCall], most: int) -> FoundCalls:
    kept = calls[:most]
    more = len(calls) > most
    return FoundCalls(kept, CallPlace(kept[-1].at, kept[-1].call_id) if more else None)
