"""The only SQL on metered hours."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, case, func, not_, or_, true, tuple_
from sqlalchemy import select as sql_select
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


class MonthTotals(NamedTuple):
    """The units of a time, by what became of them."""

    units: int
    exported: int
    """The units that belong to exports."""
    present: int
    """Those of the present hour, which is exported when it is over."""
    waiting: int
    """Those that can be exported and belong to no export yet."""
    without_customer: int
    """Those of tenants without a customer."""
    held_back: int
    """Those that can't be exported any more."""
    waiting_since: datetime | None
    """The earliest hour with waiting units."""
    waiting_tenants: int
    """The tenants that have waiting units."""
    first_waiting: str | None
    """One of them."""


class TenantUnits(NamedTuple):
    """The units of one tenant in a time."""

    tenant_id: str
    units: int
    exported: int
    unplanned: int
    """The units of hours that are over, which belong to no export and have no problem."""
    held_back: int
    """The units that can't be exported any more."""
    since: datetime | None
    """The earliest hour with unplanned units."""


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


async def sum_metered_of_tenants(
    db: DbSession, *, since: datetime, until: datetime
) -> dict[str, int]:
    """Sum the units of each tenant in a time that begins and ends at whole hours, in one index."""
    query = (
        select(col(MeteredHour.tenant_id), func.sum(col(MeteredHour.units)))
        .where(col(MeteredHour.hour) >= since, col(MeteredHour.hour) < until)
        .group_by(col(MeteredHour.tenant_id))
    )
    return {tenant_id: int(units) for tenant_id, units in (await db.execute(query)).all()}


async def sum_month(
    db: DbSession,
    *,
    since: datetime,
    until: datetime,
    over_before: datetime,
    only: SelectOfScalar[str] | None,
) -> MonthTotals:
    """Sum the units of all tenants in a time by what became of them.

    Args:
        db: an open database session.
        since: the beginning, a whole hour.
        until: the end, a whole hour.
        over_before: the hours before this one are exported now.
        only: selects the tenants that have a customer; None for all.
    """
    hour, units, exported, problem = (
        col(MeteredHour.hour),
        col(MeteredHour.units),
        col(MeteredHour.exported),
        col(MeteredHour.problem),
    )
    left, exportable = units - exported, and_(units != exported, problem == "")
    over = and_(exportable, hour < over_before)
    # Tenants are looked up in `only` once each, not once an hour.
    of_tenant = (
        select(col(MeteredHour.tenant_id).label("tenant_id"), func.sum(units).label("units"))
        .add_columns(
            func.sum(exported).label("exported"),
            func.sum(case((and_(exportable, hour >= over_before), left), else_=0)).label("present"),
            func.sum(case((over, left), else_=0)).label("over"),
            func.sum(case((problem != "", left), else_=0)).label("held_back"),
            func.min(case((over, hour))).label("since"),
        )
        .where(hour >= since, hour < until)
        .group_by(col(MeteredHour.tenant_id))
        .subquery()
        .c
    )
    has_customer = true() if only is None else of_tenant.tenant_id.in_(only)
    waits = and_(of_tenant.over != 0, has_customer)

    def add_up(amount: Any, *conditions: Any) -> Any:
        chosen = case((and_(*conditions), amount), else_=0) if conditions else amount
        return func.coalesce(func.sum(chosen), 0)

    query = sql_select(
        add_up(of_tenant.units),
        add_up(of_tenant.exported),
        add_up(of_tenant.present),
        add_up(of_tenant.over, has_customer),
        add_up(of_tenant.over, not_(has_customer)),
        add_up(of_tenant.held_back),
        func.min(case((waits, of_tenant.since))),
        func.count(case((waits, of_tenant.tenant_id))),
        func.min(case((waits, of_tenant.tenant_id))),
    )
    row = (await db.execute(query)).one()
    total, exported_, present, waiting, without, held = (int(amount) for amount in row[:6])
    return MonthTotals(total, exported_, present, waiting, without, held, *row[6:])


async def sum_tenants_of_month(
    db: DbSession,
    *,
    since: datetime,
    until: datetime,
    over_before: datetime,
    tenant_id: str | None = None,
    after: str = "",
    unfinished: Collection[str] | None = None,
    most: int,
) -> Sequence[TenantUnits]:
    """Sum the units of each tenant in a time, by id.

    Args:
        db: an open database session.
        since: the beginning, a whole hour.
        until: the end, a whole hour.
        over_before: the hours before this one are exported now.
        tenant_id: only this tenant.
        after: the id of the tenant after which to begin.
        unfinished: lists only these tenants, and those of which some units belong to no export; None
            lists all.
        most: how many to list.
    """
    hour, key = col(MeteredHour.hour), col(MeteredHour.tenant_id)
    units, exported, problem = (
        col(MeteredHour.units),
        col(MeteredHour.exported),
        col(MeteredHour.problem),
    )
    unplanned = and_(units != exported, problem == "", hour < over_before)
    left = units - exported
    query = (
        select(key, func.sum(units), func.sum(exported))
        .add_columns(
            func.sum(case((unplanned, left), else_=0)),
            func.sum(case((problem != "", left), else_=0)),
            func.min(case((unplanned, hour))),
        )
        .where(hour >= since, hour < until, key > after)
        .group_by(key)
        .order_by(key)
        .limit(most)
    )
    if tenant_id is not None:
        query = query.where(key == tenant_id)
    if unfinished is not None:
        query = query.having(or_(func.sum(left) != 0, key.in_(unfinished)))
    rows = (await db.execute(query)).all()
    return [
        TenantUnits(row[0], int(row[1]), int(row[2]), int(row[3]), int(row[4]), row[5])
        for row in rows
    ]


async def list_hours_of_tenant(
    db: DbSession,
    tenant_id: str,
    *,
    since: datetime,
    until: datetime,
    before: tuple[datetime, str] | None,
    most: int,
) -> Sequence[MeteredHour]:
    """List the hours of a tenant in a time, the newest first; `before` is the place to go on from."""
    hour, meter = col(MeteredHour.hour), col(MeteredHour.meter)
    query = (
        select(MeteredHour)
        .where(col(MeteredHour.tenant_id) == tenant_id, hour >= since, hour < until)
        .order_by(hour.desc(), meter.desc())
        .limit(most)
    )
    if before is not None:
        query = query.where(tuple_(hour, meter) < tuple_(*before))
    return (await db.execute(query)).scalars().all()


async def sum_hours_of_tenant(
    db: DbSession, tenant_id: str, *, since: datetime, until: datetime
) -> Sequence[tuple[datetime, int, int]]:
    """Sum the units of each hour of a tenant in a time, and those that belong to exports."""
    hour = col(MeteredHour.hour)
    query = (
        select(hour, func.sum(MeteredHour.units), func.sum(MeteredHour.exported))
        .where(col(MeteredHour.tenant_id) == tenant_id, hour >= since, hour < until)
        .group_by(hour)
    )
    return [(at, int(units), int(exported)) for at, units, exported in await db.execute(query)]


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
