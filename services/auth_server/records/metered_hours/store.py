"""The only SQL on metered hours."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, tuple_
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from auth_server.db.add_rows import add_rows
from auth_server.db.engine import DbSession
from auth_server.records.metered_hours.table import MeteredHour
from gatepost.metering.call_event import CallEvent
from gatepost.metering.plans import hour_of


class Place(NamedTuple):
    """A place in the list of hours."""

    hour: datetime
    tenant_id: str
    meter: str


class WaitingUnits(NamedTuple):
    """Units of a tenant that belong to no export yet."""

    tenant_id: str
    meter: str
    units: int
    since: datetime
    problem: str


async def add_metered(db: DbSession, added: Iterable[CallEvent]) -> None:
    """Add the units of calls that were just added to the ledger; test keys are never billed."""
    totals: Counter[Place] = Counter()
    for event in added:
        if event.env == "live":
            totals[Place(hour_of(event.at), event.tenant_id, event.meter)] += event.cost
    rows = [
        {**place._asdict(), "units": units, "exported": 0, "problem": ""}
        for place, units in sorted(totals.items())
    ]
    key = ("tenant_id", "meter", "hour")
    await add_rows(db, MeteredHour, rows, key=key, sums=["units"], values={"problem": ""})


async def lock_hours_to_export(
    db: DbSession,
    *,
    after: Place | None,
    before: datetime,
    only: SelectOfScalar[str] | None,
    most: int,
) -> Sequence[MeteredHour]:
    """List and lock hours with units that belong to no export, in order of time.

    Args:
        db: the transaction.
        after: the place after which to begin.
        before: only hours that began before this time.
        only: selects the tenants; None for all.
        most: how many to list.
    """
    hour, tenant_id, meter = (
        col(MeteredHour.hour),
        col(MeteredHour.tenant_id),
        col(MeteredHour.meter),
    )
    query = (
        select(MeteredHour)
        .where(
            col(MeteredHour.units) != col(MeteredHour.exported),
            col(MeteredHour.problem) == "",
            hour < before,
        )
        .order_by(hour, tenant_id, meter)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    if after is not None:
        query = query.where(tuple_(hour, tenant_id, meter) > tuple_(*after))
    if only is not None:
        query = query.where(tenant_id.in_(only))
    return (await db.execute(query)).scalars().all()


async def list_waiting_units(db: DbSession, *, most: int) -> Sequence[WaitingUnits]:
    """Sum the units that belong to no export by tenant, meter and problem."""
    dimensions = (
        col(MeteredHour.tenant_id),
        col(MeteredHour.meter),
        col(MeteredHour.problem),
    )
    waiting = func.sum(col(MeteredHour.units) - col(MeteredHour.exported))
    query = (
        select(*dimensions)
        .add_columns(waiting, func.min(col(MeteredHour.hour)))
        .where(col(MeteredHour.units) != col(MeteredHour.exported))
        .group_by(*dimensions)
        .order_by(*dimensions)
        .limit(most)
    )
    return [
        WaitingUnits(tenant_id, meter, int(units), since, problem)
        for tenant_id, meter, problem, units, since in (await db.execute(query)).all()
    ]


async def sum_metered_of_tenant(
    db: DbSession, tenant_id: str, *, since: datetime, until: datetime
) -> int:
    """Sum the units of one tenant in a time that begins and ends at whole hours."""
    query = select(func.coalesce(func.sum(col(MeteredHour.units)), 0)).where(
        col(MeteredHour.tenant_id) == tenant_id,
        col(MeteredHour.hour) >= since,
        col(MeteredHour.hour) < until,
    )
    return int((await db.execute(query)).scalar_one())


async def sum_metered(
    db: DbSession, *, since: datetime, until: datetime
) -> dict[tuple[str, str], int]:
    """Sum the units of each tenant and meter in a time."""
    query = (
        select(col(MeteredHour.tenant_id), col(MeteredHour.meter))
        .add_columns(func.sum(col(MeteredHour.units)))
        .where(col(MeteredHour.hour) >= since, col(MeteredHour.hour) < until)
        .group_by(col(MeteredHour.tenant_id), col(MeteredHour.meter))
    )
    rows = (await db.execute(query)).all()
    return {(tenant_id, meter): int(units) for tenant_id, meter, units in rows}


async def sum_unplanned(db: DbSession, *, before: datetime) -> tuple[int, int]:
    """Count the tenants and units of hours that could be exported and have no export."""
    waiting = func.sum(col(MeteredHour.units) - col(MeteredHour.exported))
    query = select(
        func.count(func.distinct(col(MeteredHour.tenant_id))), func.coalesce(waiting, 0)
    ).where(
        col(MeteredHour.units) != col(MeteredHour.exported),
        col(MeteredHour.problem) == "",
        col(MeteredHour.hour) < before,
    )
    tenants, units = (await db.execute(query)).one()
    return tenants, int(units)


async def find_hour(
    db: DbSession, tenant_id: str, meter: str, hour: datetime
) -> MeteredHour | None:
    """Look up and lock one hour."""
    key = (tenant_id, meter, hour)
    return await db.get(MeteredHour, key, with_for_update=True, populate_existing=True)
