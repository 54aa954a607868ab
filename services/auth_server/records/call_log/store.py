"""The only SQL on the call log."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    MetaData,
    String,
    Table,
    and_,
    column,
    delete,
    exists,
    func,
    or_,
    tuple_,
    values,
)
from sqlmodel import col, select

from auth_server.db.add_rows import add_rows, is_among
from auth_server.db.engine import DbSession
from auth_server.db.months import name_month
from auth_server.db.purge import delete_some
from auth_server.records.call_log.table import CALL_LOG, LoggedCall
from gatepost.metering.call_event import LOGGED, CallEvent, as_logged

_MONTH = timedelta(days=31)
AT_ONCE = 5_000
"""The number of rows that are archived at once."""


class Usage(NamedTuple):
    """The number of a grant's calls, and the time of the latest one."""

    calls: int
    last_used: datetime


async def add_calls(db: DbSession, events: Sequence[CallEvent]) -> frozenset[str]:
    """Write the calls that are not stored yet and return their ids.

    Of any number of parallel deliveries of one event, exactly one writes it.
    """
    rows = [as_logged(event) for event in sorted(events, key=lambda event: event.call_id)]
    return frozenset(await add_rows(db, LoggedCall, rows, key=("call_id", "at")))


async def find_times(db: DbSession, events: Sequence[CallEvent]) -> dict[str, datetime]:
    """Look up the times of the calls that are stored, within a month of the times of the events."""
    if not events:
        return {}
    at, call_id, times = col(LoggedCall.at), col(LoggedCall.call_id), [one.at for one in events]
    query = select(call_id, at).where(
        is_among(db, call_id, (one.call_id for one in events)),
        at >= min(times) - _MONTH,
        at <= max(times) + _MONTH,
    )
    return {found: stored_at for found, stored_at in (await db.execute(query)).all()}


async def resolve_calls(
    db: DbSession, events: Sequence[CallEvent]
) -> tuple[list[CallEvent], list[CallEvent]]:
    """Replace stored calls of unknown outcome by events that know it.

    Returns:
        The events that replaced a stored one, and the events that were replaced.
    """
    resolved, replaced = [], []
    for event in sorted(events, key=lambda event: event.call_id):
        unknown = (
            col(LoggedCall.call_id) == event.call_id,
            col(LoggedCall.at) == event.at,
            col(LoggedCall.outcome) == "unknown",
        )
        stored = (
            await db.execute(select(LoggedCall).where(*unknown).with_for_update())
        ).scalar_one_or_none()
        if stored is None:
            continue
        replaced.append(_event_of(stored))
        for name, value in as_logged(event).items():
            setattr(stored, name, value)
        await db.flush()
        resolved.append(event)
    return resolved, replaced


async def usage_of_grants(
    db: DbSession, grant_ids: Collection[str], since: datetime
) -> dict[str, Usage]:
    """Count each grant's calls since a time, including refused ones, and find the latest.

    The result omits grants without calls.
    """
    query = (
        select(col(LoggedCall.grant_id), func.count(), func.max(col(LoggedCall.at)))
        .where(col(LoggedCall.grant_id).in_(set(grant_ids)), col(LoggedCall.at) >= since)
        .group_by(col(LoggedCall.grant_id))
    )
    rows = (await db.execute(query)).all()
    return {grant_id: Usage(calls, last_used) for grant_id, calls, last_used in rows}


async def usage_of_actors(
    db: DbSession, grant_ids: Collection[str], since: datetime
) -> dict[tuple[str, str], Usage]:
    """Count the calls of each sub-agent since a time, by grant and actor, and find the latest."""
    query = (
        select(
            col(LoggedCall.grant_id),
            col(LoggedCall.actor),
            func.count(),
            func.max(col(LoggedCall.at)),
        )
        .where(
            col(LoggedCall.grant_id).in_(set(grant_ids)),
            col(LoggedCall.at) >= since,
            col(LoggedCall.actor) != "",
        )
        .group_by(col(LoggedCall.grant_id), col(LoggedCall.actor))
    )
    rows = (await db.execute(query)).all()
    return {(grant_id, actor): Usage(calls, last) for grant_id, actor, calls, last in rows}


async def count_called(db: DbSession, grant_ids: Collection[str], *, since: datetime) -> int:
    """Count the grants under which a tool was called since a time."""
    if not grant_ids:
        return 0
    listed = values(column("grant_id", String), name="listed")
    asked = listed.data([(one,) for one in grant_ids]).cte("asked")
    called = exists().where(
        col(LoggedCall.grant_id) == asked.c.grant_id,
        col(LoggedCall.at) >= since,
        col(LoggedCall.decision) == "allowed",
    )
    query = select(func.count()).select_from(asked).where(called)
    return (await db.execute(query)).scalar_one()


async def list_calls_before(db: DbSession, before: datetime) -> list[CallEvent]:
    """List some of the calls from before a time, the oldest first."""
    query = (
        select(LoggedCall)
        .where(col(LoggedCall.at) < before)
        .order_by(col(LoggedCall.at), col(LoggedCall.call_id))
        .limit(AT_ONCE)
    )
    return [_event_of(stored) for stored in (await db.execute(query)).scalars().all()]


async def list_calls_of_month(
    db: DbSession, month: datetime, *, after: CallEvent | None
) -> list[CallEvent]:
    """List some of the calls of a detached month in order, those after an event."""
    calls: Table = LoggedCall.__table__  # type: ignore[attr-defined]
    calls = calls.to_metadata(MetaData(), name=name_month(CALL_LOG, month))
    query = calls.select().order_by(calls.c.at, calls.c.call_id).limit(AT_ONCE)
    if after is not None:
        query = query.where(tuple_(calls.c.at, calls.c.call_id) > tuple_(after.at, after.call_id))
    return [_event_of(stored) for stored in (await db.execute(query)).all()]


async def delete_calls(db: DbSession, events: Collection[CallEvent]) -> None:
    """Delete calls."""
    keys = [(event.call_id, event.at) for event in events]
    key = tuple_(col(LoggedCall.call_id), col(LoggedCall.at))
    await db.execute(delete(LoggedCall).where(key.in_(keys)))


async def list_calls_of_grant(
    db: DbSession, grant_id: str, *, after: tuple[datetime, str] | None, most: int
) -> Sequence[LoggedCall]:
    """List some calls of a grant or API key after a time and call id, the oldest first."""
    at, call_id = col(LoggedCall.at), col(LoggedCall.call_id)
    query = select(LoggedCall).where(col(LoggedCall.grant_id) == grant_id)
    if after is not None:
        query = query.where(
            at >= after[0], or_(at > after[0], and_(at == after[0], call_id > after[1]))
        )
    return (await db.execute(query.order_by(at, call_id).limit(most))).scalars().all()


async def purge_calls(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the calls from before a time; return whether there may be more."""
    return await delete_some(db, LoggedCall, col(LoggedCall.at) < before)


def _event_of(stored: Any) -> CallEvent:
    return CallEvent(**{name: getattr(stored, name) for name in LOGGED})
