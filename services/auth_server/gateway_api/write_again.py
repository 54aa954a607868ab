"""Write call events again that were refused, after their cause was removed."""

from auth_server.db.engine import Database
from auth_server.gateway_api.read_events import read_entry
from auth_server.gateway_api.write_calls import write_or_refuse
from auth_server.records.refused_events.table import RefusedEvent
from gatepost.clock import Now


async def write_again(database: Database, row: RefusedEvent, *, now: Now) -> tuple[int, str]:
    """Write the events of a refused entry; return how many, and why one is refused again."""
    data = row.payload if row.payload.startswith(b"[") else b"[" + row.payload + b"]"
    events, again = read_entry(data, resource=row.resource or None)
    written, unwritable = await write_or_refuse(database, events, (), now=now())
    if again or unwritable:
        return written, again[0].reason if again else row.reason
    return written, ""
