"""The only SQL on the ledger."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, tuple_
from sqlmodel import col, select

from auth_server.db.add_rows import add_rows, is_among
from auth_server.db.engine import DbSession
from auth_server.records.ledger.table import LedgerEntry
from gatepost.metering.call_event import CallEvent

_MONTH = timedelta(days=31)


async def add_entries(
    db: DbSession, events: Sequence[CallEvent], *, now: datetime
) -> frozenset[str]:
    """Add the units of calls and return the ids of those added; a call that has an entry keeps it."""
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
    return frozenset(await add_rows(db, LedgerEntry, rows, key=("call_id", "at")))


async def find_entries(db: DbSession, calls: Mapping[str, datetime]) -> Sequence[LedgerEntry]:
    """Look up the entries of calls by their ids, within a month of the times of the calls."""
    if not calls:
        return []
    at = col(LedgerEntry.at)
    near = (at >= min(calls.values()) - _MONTH, at <= max(calls.values()) + _MONTH)
    query = select(LedgerEntry).where(is_among(db, col(LedgerEntry.call_id), calls), *near)
    return (await db.execute(query)).scalars().all()


async def list_entries(
    db: DbSession,
    tenant_id: str,
    meter: str,
    *,
    since: datetime,
    until: datetime,
    after: tuple[datetime, str] | None,
    most: int,
) -> Sequence[LedgerEntry]:
    """List the live entries of one tenant and meter in a time, the earliest first.

    `after` is the time and the call of the entry after which to begin.
    """
    at, call_id = col(LedgerEntry.at), col(LedgerEntry.call_id)
    query = (
        select(LedgerEntry)
        .where(
            col(LedgerEntry.tenant_id) == tenant_id,
            col(LedgerEntry.meter) == meter,
            col(LedgerEntry.env) == "live",
            at >= since,
            at < until,
        )
        .order_by(at, call_id)
        .limit(most)
    )
    if after is not None:
        query = query.where(tuple_(at, call_id) > tuple_(*after))
    return (await db.execute(query)).scalars().all()


async def sum_units(
    db: DbSession,
    *,
    since: datetime,
    until: datetime,
    env: str = "live",
    tenant_id: str | None = None,
) -> dict[tuple[str, str], int]:
    """Sum the units of each tenant and meter in a time, or of one tenant, with its index."""
    query = (
        select(col(LedgerEntry.tenant_id), col(LedgerEntry.meter), func.sum(col(LedgerEntry.units)))
        .where(
            col(LedgerEntry.at) >= since,
            col(LedgerEntry.at) < until,
            col(LedgerEntry.env) == env,
        )
        .group_by(col(LedgerEntry.tenant_id), col(LedgerEntry.meter))
    )
    if tenant_id is not None:
        query = query.where(col(LedgerEntry.tenant_id) == tenant_id)
    rows = (await db.execute(query)).all()
    return {(tenant_id, meter): int(units) for tenant_id, meter, units in rows}


async def sum_units_of_tenant(
    db: DbSession, tenant_id: str, meter: str, *, since: datetime, until: datetime
) -> int:
    """Sum the live units of one tenant and meter in a time."""
    query = select(func.coalesce(func.sum(col(LedgerEntry.units)), 0)).where(
        col(LedgerEntry.tenant_id) == tenant_id,
        col(LedgerEntry.meter) == meter,
        col(LedgerEntry.env) == "live",
        col(LedgerEntry.at) >= since,
        col(LedgerEntry.at) < until,
    )
    return int((await db.execute(query)).scalar_one())
