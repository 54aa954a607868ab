"""Write call events: the call log, the ledger and what is added up, in one transaction."""

from collections.abc import Sequence
from datetime import datetime

import structlog

from auth_server.credits.draw import draw_from_credits
from auth_server.db.engine import Database, DbSession
from auth_server.db.refused import ROW_REFUSED
from auth_server.records.call_log.store import add_calls, find_times, resolve_calls
from auth_server.records.ledger.store import add_entries
from auth_server.records.metered_hours.store import add_metered
from auth_server.records.refused_events.store import Refused, add_refused
from auth_server.records.unmet_calls.store import add_unmet
from auth_server.records.usage.store import add_usage
from gatepost.metering.call_event import CallEvent, write_event

log = structlog.get_logger()


async def write_or_refuse(
    database: Database, events: Sequence[CallEvent], refused: Sequence[Refused], *, now: datetime
) -> tuple[int, int]:
    """Write the events that are not stored yet, and keep apart what can't be read or stored.

    Returns:
        How many events were written, and how many the database refused.

    Raises:
        SQLAlchemyError: the database does not answer, and nothing changed.
    """
    try:
        async with database.writing() as db, db.begin():
            written, unwritable = await _write(db, events, now)
            await add_refused(db, (*refused, *unwritable), now=now)
    except ROW_REFUSED:
        written, unwritable = await _write_each(database, events, now)
        async with database.writing() as db, db.begin():
            await add_refused(db, (*refused, *unwritable), now=now)
    for one in (*refused, *unwritable):
        log.error("call_event_refused", resource=one.resource, reason=one.reason)
    return written, len(unwritable)


async def write_missing(db: DbSession, events: Sequence[CallEvent], *, now: datetime) -> int:
    """Add billable calls to the ledger that it lacks, and to what is added up; return how many.

    The call log gets no new calls, because it keeps them for a time only; calls of unknown outcome in
    it take over theirs.
    """
    billable = [event for event in events if event.cost and event.outcome != "unknown"]
    billed = await add_entries(db, billable, now=now)
    new = [event for event in billable if event.call_id in billed]
    _, replaced = await resolve_calls(db, new)
    await draw_from_credits(db, new, now=now)
    await add_metered(db, new)
    await add_usage(db, new, instead_of=replaced)
    return len(new)


async def _write_each(
    database: Database, events: Sequence[CallEvent], now: datetime
) -> tuple[int, list[Refused]]:
    """Write events one by one, because the database refuses at least one of them."""
    written, unwritable = 0, list[Refused]()
    for event in events:
        try:
            async with database.writing() as db, db.begin():
                some, refused = await _write(db, [event], now)
            written += some
            unwritable += refused
        except ROW_REFUSED as error:
            reason = f"the database refuses it: {type(error).__name__}"
            unwritable.append(Refused(write_event(event), reason, event.resource))
    return written, unwritable


async def _write(
    db: DbSession, events: Sequence[CallEvent], now: datetime
) -> tuple[int, list[Refused]]:
    """Write events; refuse those that name another time than what is stored under their id.

    Their key would be a new one, and their calls would count twice.
    """
    times, reason = await find_times(db, events), "its call is stored with another time"
    right = [one for one in events if times.get(one.call_id, one.at) == one.at]
    wrong = [one for one in events if times.get(one.call_id, one.at) != one.at]
    written = await write_calls(db, right, now=now)
    return written, [Refused(write_event(one), reason, one.resource) for one in wrong]


async def write_calls(db: DbSession, events: Sequence[CallEvent], *, now: datetime) -> int:
    """Write the calls that are not stored yet, and return how many were written.

    A call that was stored with an unknown outcome takes over the outcome of a later event, once. All
    places change in the caller's transaction, or none does.
    """
    # Of two events of one call, the one that knows the outcome counts.
    by_id = {event.call_id: event for event in events}
    by_id |= {event.call_id: event for event in events if event.outcome != "unknown"}
    unique = [_without_unknown_cost(event) for event in by_id.values()]
    added = await add_calls(db, unique)
    new = [event for event in unique if event.call_id in added]
    late = [event for event in unique if event.call_id not in added and event.outcome != "unknown"]
    resolved, replaced = await resolve_calls(db, late)
    known = (*new, *resolved)
    billed = await add_entries(db, [event for event in known if event.cost], now=now)
    # What is added up already has a call that the ledger had, such as one that a replay added.
    counted = [event for event in known if not event.cost or event.call_id in billed]
    billable = [event for event in counted if event.cost]
    await draw_from_credits(db, billable, now=now)
    await add_metered(db, billable)
    await add_usage(db, counted, instead_of=replaced)
    await add_unmet(db, new)
    return len(new)


def _without_unknown_cost(event: CallEvent) -> CallEvent:
    # Nobody can show that such a call did anything, so it is not billed, whatever the gateway says.
    return event._replace(cost=0, meter="") if event.outcome == "unknown" else event
