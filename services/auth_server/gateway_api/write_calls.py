"""Write call events: the call log, the ledger and what is added up, in one transaction."""

from collections.abc import Sequence
from datetime import datetime

from auth_server.db.engine import DbSession
from auth_server.records.call_log.store import add_calls, resolve_calls
from auth_server.records.ledger.store import add_entries
from auth_server.records.metered_hours.store import add_metered
from auth_server.records.usage.store import add_usage
from gatepost.metering.call_event import CallEvent


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
    await add_usage(db, known, instead_of=replaced)
    await add_metered(db, [event for event in known if event.call_id in billed])
    return len(new)


def _without_unknown_cost(event: CallEvent) -> CallEvent:
    # Nobody can show that such a call did anything, so it is not billed, whatever the gateway says.
    return event._replace(cost=0, meter="") if event.outcome == "unknown" else event
