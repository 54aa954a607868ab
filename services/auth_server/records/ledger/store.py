"""The only SQL on the ledger."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.ledger.table import LedgerEntry
from gatepost.metering.call_event import CallEvent


async def add_entries(db: DbSession, events: Sequence[CallEvent], *, now: datetime) -> None:
    """Add the units of calls; a call that has an entry keeps it."""
    if not events:
        return
    rows = [
        {
            "call_id": event.call_id,
            "at": event.at,
            "tenant_id": event.tenant_id,
            "env": event.env,
            "meter": event.meter,
            "units": event.cost,
            "tool": event.tool,
            "written_at": now,
        }
        for event in sorted(events, key=lambda event: event.call_id)
    ]
    insert: Any = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    await db.execute(insert(LedgerEntry).on_conflict_do_nothing(index_elements=["call_id"]), rows)


async def sum_units(
    db: DbSession, *, since: datetime, until: datetime, env: str = "live"
) -> dict[tuple[str, str], int]:
    """Sum the units of each tenant and meter in a time."""
    query = (
        select(col(LedgerEntry.tenant_id), col(LedgerEntry.meter), func.sum(col(LedgerEntry.units)))
        .where(
            col(LedgerEntry.at) >= since,
            col(LedgerEntry.at) < until,
            col(LedgerEntry.env) == env,
        )
        .group_by(col(LedgerEntry.tenant_id), col(LedgerEntry.meter))
    )
    rows = (await db.execute(query)).all()
    return {(tenant_id, meter): int(units) for tenant_id, meter, units in rows}
