"""The only SQL on usage exports."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import case, func
from sqlmodel import col, select, update

from auth_server.db.engine import DbSession
from auth_server.records.usage_exports.table import ExportState, UsageExport

_OPEN = (ExportState.PLANNED.value, ExportState.SENT.value)


class ExportTotal(NamedTuple):
    """The number of exports in a state, and their units."""

    state: str
    exports: int
    units: int
    since: datetime
    """The earliest hour."""


class OpenUnits(NamedTuple):
    """The units of a tenant's exports that are not confirmed."""

    tenant_id: str
    sending: int
    """Those that are planned or sent."""
    undecided: int
    """Those that are ambiguous or parked."""
    since: datetime | None
    """The earliest hour of those that are planned or sent."""


async def add_export(db: DbSession, export: UsageExport) -> None:
    """Add an export."""
    db.add(export)
    await db.flush()


async def find_export(db: DbSession, identifier: str) -> UsageExport | None:
    """Look up and lock an export by its identifier."""
    query = select(UsageExport).where(col(UsageExport.identifier) == identifier).with_for_update()
    return (await db.execute(query)).scalar_one_or_none()


async def find_export_at(
    db: DbSession, tenant_id: str, meter: str, at: datetime
) -> UsageExport | None:
    """Look up and lock the export that is counted under an hour."""
    query = (
        select(UsageExport)
        .where(
            col(UsageExport.tenant_id) == tenant_id,
            col(UsageExport.meter) == meter,
            col(UsageExport.at) == at,
        )
        .with_for_update()
    )
    return (await db.execute(query)).scalar_one_or_none()


async def list_exports_of_hour(
    db: DbSession, tenant_id: str, meter: str, hour: datetime
) -> Sequence[UsageExport]:
    """List the exports of an hour's units."""
    query = select(UsageExport).where(
        col(UsageExport.tenant_id) == tenant_id,
        col(UsageExport.meter) == meter,
        col(UsageExport.hour) == hour,
    )
    return (await db.execute(query)).scalars().all()


async def lock_due_exports(
    db: DbSession, system: str, *, now: datetime, most: int
) -> Sequence[UsageExport]:
    """List and lock the oldest open export of each tenant, if it is due.

    So each tenant has one attempt at a time, however many processes export.
    """
    open_ = (col(UsageExport.state).in_(_OPEN), col(UsageExport.system) == system)
    number = col(UsageExport.number)
    oldest = select(func.min(number)).where(*open_).group_by(col(UsageExport.tenant_id))
    query = (
        select(UsageExport)
        .where(*open_, number.in_(oldest), col(UsageExport.next_attempt_at) <= now)
        .order_by(number)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return (await db.execute(query)).scalars().all()


async def lock_unsent_of_others(db: DbSession, system: str, *, most: int) -> Sequence[UsageExport]:
    """List and lock exports to other systems that were never sent."""
    query = (
        select(UsageExport)
        .where(
            col(UsageExport.state) == ExportState.PLANNED,
            col(UsageExport.system) != system,
            col(UsageExport.first_attempt_at).is_(None),
        )
        .order_by(col(UsageExport.number))
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return (await db.execute(query)).scalars().all()


async def note_attempt(db: DbSession, export: UsageExport, **changes: Any) -> bool:
    """Change an export after an attempt; return False if a later attempt has begun."""
    changed = await db.execute(
        update(UsageExport)
        .where(
            col(UsageExport.number) == export.number,
            col(UsageExport.attempts) == export.attempts,
            col(UsageExport.state) == ExportState.SENT,
        )
        .values(**changes)
        .returning(col(UsageExport.number))
    )
    return changed.scalar_one_or_none() is not None


async def park_exports(db: DbSession, identifiers: Collection[str], problem: str) -> list[str]:
    """Park exports that the system has refused after it took them; return the tenants.

    Those that are parked or were not sent stay as they are.
    """
    parked = await db.execute(
        update(UsageExport)
        .where(
            col(UsageExport.identifier).in_(identifiers),
            col(UsageExport.state).in_((ExportState.SENT, ExportState.CONFIRMED)),
        )
        .values(state=ExportState.PARKED, problem=problem, confirmed_at=None)
        .returning(col(UsageExport.tenant_id))
    )
    return list(parked.scalars().all())


async def doubt_exports(db: DbSession, *, since: datetime, until: datetime, now: datetime) -> int:
    """Make exports of Stripe that were confirmed in a time ambiguous; return how many."""
    doubted = await db.execute(
        update(UsageExport)
        .where(
            col(UsageExport.system) == "stripe",
            col(UsageExport.state) == ExportState.CONFIRMED,
            col(UsageExport.confirmed_at) >= since,
            col(UsageExport.confirmed_at) <= until,
        )
        .values(state=ExportState.AMBIGUOUS, next_attempt_at=now, missing_since=None)
        .returning(col(UsageExport.number))
    )
    return len(doubted.scalars().all())


async def lock_ambiguous_exports(
    db: DbSession, system: str, *, now: datetime, most: int
) -> Sequence[UsageExport]:
    """List and lock ambiguous exports that are due to be looked at."""
    query = (
        select(UsageExport)
        .where(
            col(UsageExport.state) == ExportState.AMBIGUOUS,
            col(UsageExport.system) == system,
            col(UsageExport.next_attempt_at) <= now,
        )
        .order_by(col(UsageExport.number))
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return (await db.execute(query)).scalars().all()


async def list_exports_counted_in(
    db: DbSession, system: str, customer: str, *, since: datetime, until: datetime
) -> Sequence[UsageExport]:
    """List the exports that were sent for a customer to be counted in a time."""
    query = select(UsageExport).where(
        col(UsageExport.system) == system,
        col(UsageExport.customer) == customer,
        col(UsageExport.at) >= since,
        col(UsageExport.at) < until,
    )
    return (await db.execute(query)).scalars().all()


async def list_exports(
    db: DbSession, states: Collection[ExportState], *, before: int | None = None, most: int
) -> Sequence[UsageExport]:
    """List exports in some states, the newest first, or those before a number."""
    query = (
        select(UsageExport)
        .where(col(UsageExport.state).in_(states))
        .order_by(col(UsageExport.number).desc())
        .limit(most)
    )
    if before is not None:
        query = query.where(col(UsageExport.number) < before)
    return (await db.execute(query)).scalars().all()


async def list_exports_of_hours(
    db: DbSession, tenant_id: str, *, since: datetime, until: datetime
) -> Sequence[UsageExport]:
    """List the exports of a tenant's units of some hours, in the order in which they were planned."""
    query = (
        select(UsageExport)
        .where(
            col(UsageExport.tenant_id) == tenant_id,
            col(UsageExport.hour) >= since,
            col(UsageExport.hour) < until,
        )
        .order_by(col(UsageExport.number))
    )
    return (await db.execute(query)).scalars().all()


async def sum_unconfirmed(
    db: DbSession, *, since: datetime, until: datetime, tenant_ids: Collection[str] | None = None
) -> Sequence[OpenUnits]:
    """Sum the units of hours whose exports are not confirmed by tenant, of some tenants or of all."""
    units, state = col(UsageExport.units), col(UsageExport.state)
    query = (
        select(
            col(UsageExport.tenant_id),
            func.sum(case((state.in_(_OPEN), units), else_=0)),
            func.sum(case((state.in_(_OPEN), 0), else_=units)),
            func.min(case((state.in_(_OPEN), col(UsageExport.hour)))),
        )
        .where(
            # Listed one by one for the index, because most exports are confirmed.
            state.in_((*_OPEN, ExportState.AMBIGUOUS, ExportState.PARKED)),
            col(UsageExport.hour) >= since,
            col(UsageExport.hour) < until,
        )
        .group_by(col(UsageExport.tenant_id))
    )
    if tenant_ids is not None:
        query = query.where(col(UsageExport.tenant_id).in_(set(tenant_ids)))
    rows = (await db.execute(query)).all()
    return [OpenUnits(row[0], int(row[1]), int(row[2]), row[3]) for row in rows]


async def list_unconfirmed_of_tenant(
    db: DbSession, tenant_id: str, *, since: datetime, until: datetime
) -> Sequence[tuple[datetime, bool, int]]:
    """List the hours of a tenant's exports that are not confirmed, whether they are open, and the units."""
    hour, state = col(UsageExport.hour), col(UsageExport.state)
    query = select(hour, state.in_(_OPEN), col(UsageExport.units)).where(
        col(UsageExport.tenant_id) == tenant_id,
        state.in_((*_OPEN, ExportState.AMBIGUOUS, ExportState.PARKED)),
        hour >= since,
        hour < until,
    )
    return [(at, bool(is_open), units) for at, is_open, units in await db.execute(query)]


async def sum_confirmed_in(
    db: DbSession, system: str, tenant_id: str, *, since: datetime, until: datetime
) -> dict[str, int]:
    """Sum the confirmed units of a tenant that a system counts in a time, by meter."""
    query = (
        select(col(UsageExport.meter), func.sum(col(UsageExport.units)))
        .where(
            col(UsageExport.tenant_id) == tenant_id,
            col(UsageExport.system) == system,
            col(UsageExport.state) == ExportState.CONFIRMED,
            col(UsageExport.at) >= since,
            col(UsageExport.at) < until,
        )
        .group_by(col(UsageExport.meter))
    )
    return {meter: int(units) for meter, units in (await db.execute(query)).all()}


async def sum_exports(db: DbSession) -> Sequence[ExportTotal]:
    """Count the exports in each state."""
    state = col(UsageExport.state)
    query = (
        select(state)
        .add_columns(
            func.count(), func.sum(col(UsageExport.units)), func.min(col(UsageExport.hour))
        )
        .group_by(state)
        .order_by(state)
    )
    rows = (await db.execute(query)).all()
    return [ExportTotal(name, count, int(units), since) for name, count, units, since in rows]
