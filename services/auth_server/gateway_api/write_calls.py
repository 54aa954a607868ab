"""Write call events: the call log, the ledger and the usage in one transaction."""

from collections.abc import Sequence
from datetime import datetime

from auth_server.db.engine import DbSession
from auth_server.records.call_log.store import add_calls, resolve_calls
from auth_server.records.ledger.store import add_entries
from auth_server.records.usage.store import add_usage
from gatepost.metering.call_event import CallEvent


async def write_calls(db: DbSession, events: Sequence[CallEvent], *, now: datetime) -> int:
    """Write the calls that are not stored yet, and return how many were written.

    A call that was stored with an unknown outcome takes over the outcome of a later event, once. All
    three places change in the caller's transaction, or none does.
    """
    # Of two events of one call, the one that knows the outcome counts.
    by_id = {event.call_id: event for event in events}
    by_id |= {event.call_id: event for event in events if event.outcome != "unknown"}
    unique = list(by_id.values())
    added = await add_calls(db, unique)
    new = [event for event in unique if event.call_id in added]
    late = [event for event in unique if event.call_id not in added and event.outcome != "unknown"]
    resolved, replaced = await resolve_calls(db, late)
    await add_entries(db, [event for event in (*new, *resolved) if event.cost], now=now)
    await add_usage(db, (*new, *resolved), instead_of=replaced)
    return len(new)
