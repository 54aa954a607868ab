"""Add to usage, and sum it: by the hour, and of all tenants by the day where whole days are asked for."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Literal, NamedTuple

import orjson
from sqlalchemy import case, func
from sqlmodel import col, select

from auth_server.db.add_rows import add_rows
from auth_server.db.engine import DbSession
from auth_server.records.usage.days import add_days, are_whole_days, match_days
from auth_server.records.usage.latency import BUCKETS, bucket_of
from auth_server.records.usage.table import UsageDay, UsageHour
from gatepost.metering.call_event import CallEvent
from gatepost.metering.plans import UsedUnits, day_of, hour_of

Dimension = Literal["tool", "sub", "client_id", "grant_id", "api"]
_COUNTED = ("calls", "units", *BUCKETS)
_PLACES = {name: place for place, name in enumerate(_COUNTED)}


class UsedBy(NamedTuple):
    """The calls and units of one value of a dimension; `refused` counts the calls that did nothing."""

    key: str
    calls: int
    refused: int
    units: int


class UsedByOthers(NamedTuple):
    """The calls and units of all values that a ranking does not list."""

    number: int
    calls: int
    refused: int
    units: int


class Ranking(NamedTuple):
    """The values of a dimension with the most units, and all others together."""

    listed: list[UsedBy]
    rest: UsedByOthers | None
    """None if all are listed."""


class _Dimensions(NamedTuple):
    """Everything that tells the rows apart."""

    hour: datetime
    tenant_id: str
    env: str
    tool: str
    sub: str
    client_id: str
    grant_id: str
    outcome: str
    meter: str
    api: str

    def usage_id(self) -> str:
        # Without a named API it is what the former release computes, which adds to the same rows.
        told_apart = tuple(self) if self.api else tuple(self)[:-1]
        return hashlib.sha256(orjson.dumps(told_apart)).hexdigest()


async def add_usage(
    db: DbSession, events: Iterable[CallEvent], *, instead_of: Iterable[CallEvent] = ()
) -> None:
    """Add calls to their hours and days, and take away the calls that they replace.

    Every batch of a day changes the row of the day's total, which is locked until the transaction ends.
    So this comes last in a transaction.
    """
    events, instead_of = list(events), list(instead_of)
    rows = usage_rows(events, instead_of=instead_of)
    await add_rows(db, UsageHour, rows, key="usage_id", sums=_COUNTED)
    await add_days(db, events, instead_of=instead_of)


def usage_rows(
    events: Iterable[CallEvent], *, instead_of: Iterable[CallEvent] = ()
) -> list[dict[str, Any]]:
    """Add calls up to rows of hours, ordered by their key, without the calls that they replace."""
    totals: dict[_Dimensions, list[int]] = {}
    for sign, counted in ((1, events), (-1, instead_of)):
        for event in counted:
            where = _dimensions(event)
            if (total := totals.get(where)) is None:
                total = totals[where] = [0] * len(_COUNTED)
            total[0] += sign
            total[1] += sign * event.cost
            total[_PLACES[bucket_of(event.duration_ms)]] += sign
    return sorted(
        (
            {
                "usage_id": where.usage_id(),
                **where._asdict(),
                **dict(zip(_COUNTED, total, strict=True)),
            }
            for where, total in totals.items()
        ),
        key=lambda row: row["usage_id"],
    )


async def read_used_units(
    db: DbSession, tenant_id: str, *, since: datetime, until: datetime, env: str
) -> UsedUnits:
    """Sum a tenant's units by day, person, client and grant."""
    hour, sub, client_id, grant_id = (
        col(UsageHour.hour),
        col(UsageHour.sub),
        col(UsageHour.client_id),
        col(UsageHour.grant_id),
    )
    query = (
        select(hour, sub, client_id, grant_id)
        .add_columns(func.sum(col(UsageHour.units)))
        .where(
            col(UsageHour.tenant_id) == tenant_id,
            col(UsageHour.env) == env,
            col(UsageHour.hour) >= since,
            col(UsageHour.hour) < until,
            col(UsageHour.units) > 0,
        )
        .group_by(hour, sub, client_id, grant_id)
    )
    days, people, clients, grants = (Counter[str]() for _ in range(4))
    for row in (await db.execute(query)).all():
        units = int(row[4])
        days[day_of(row[0])] += units
        people[row[1]] += units
        clients[row[2]] += units
        grants[row[3]] += units
    return UsedUnits(
        total=days.total(),
        days=dict(days),
        people=dict(people),
        clients=dict(clients),
        grants=dict(grants),
    )


async def sum_hours(
    db: DbSession, tenant_id: str, *, since: datetime, until: datetime, env: str = "live"
) -> dict[datetime, int]:
    """Sum a tenant's units by the hour; hours without calls are left out."""
    query = (
        select(col(UsageHour.hour), func.sum(col(UsageHour.units)))
        .where(*_of_tenant(tenant_id, since, until, env))
        .group_by(col(UsageHour.hour))
    )
    return {hour: int(units) for hour, units in (await db.execute(query)).all()}


async def sum_tenants(
    db: DbSession,
    tenant_ids: Collection[str] | None = None,
    *,
    since: datetime,
    until: datetime,
    env: str = "live",
) -> dict[str, int]:
    """Sum the units of all tenants, or of some, if there are any."""
    tenant_id, units = col(UsageHour.tenant_id), col(UsageHour.units)
    conditions = [
        col(UsageHour.hour) >= since,
        col(UsageHour.hour) < until,
        col(UsageHour.env) == env,
    ]
    if are_whole_days(since, until):
        tenant_id, units = col(UsageDay.key), col(UsageDay.units)
        conditions = match_days("tenant", since, until, env)
    query = select(tenant_id, func.sum(units)).where(*conditions, units != 0).group_by(tenant_id)
    if tenant_ids is not None:
        query = query.where(tenant_id.in_(set(tenant_ids)))
    return {found: int(sums) for found, sums in (await db.execute(query)).all()}


async def sum_meters(
    db: DbSession, *, since: datetime, until: datetime, env: str = "live"
) -> dict[tuple[str, str], int]:
    """Sum the units of each tenant and meter, if there are any."""
    tenant_id, meter, units = col(UsageHour.tenant_id), col(UsageHour.meter), col(UsageHour.units)
    query = (
        select(tenant_id, meter, func.sum(units))
        .where(
            col(UsageHour.hour) >= since,
            col(UsageHour.hour) < until,
            col(UsageHour.env) == env,
            units != 0,
        )
        .group_by(tenant_id, meter)
    )
    rows = (await db.execute(query)).all()
    return {(row[0], row[1]): int(row[2]) for row in rows}


async def rank_usage(
    db: DbSession,
    tenant_id: str,
    dimension: Dimension,
    *,
    since: datetime,
    until: datetime,
    most: int,
    env: str = "live",
    api: str = "",
) -> Ranking:
    """Rank the tools, people, clients or APIs of a tenant by their units, and then by their calls.

    `api` leaves out the calls of other APIs; empty leaves out none.
    """
    key, calls, units = getattr(UsageHour, dimension), col(UsageHour.calls), col(UsageHour.units)
    refused = case((col(UsageHour.outcome) == "refused", calls), else_=0)
    sums = (func.sum(calls), func.sum(refused), func.sum(units))
    # The same over all groups, which the limit does not change.
    of_all = (func.count().over(), *(func.sum(one).over() for one in sums))
    query = (
        select(key, *sums, *of_all)
        .where(
            *_of_tenant(tenant_id, since, until, env), *([col(UsageHour.api) == api] if api else [])
        )
        .group_by(key)
        .order_by(sums[2].desc(), sums[0].desc(), key)
        .limit(most)
    )
    rows = (await db.execute(query)).all()
    listed = [UsedBy(row[0], int(row[1]), int(row[2]), int(row[3])) for row in rows]
    if not rows or rows[0][4] <= len(listed):
        return Ranking(listed, None)
    number, *totals = (int(total) for total in rows[0][4:])
    shown = (sum(column) for column in list(zip(*listed, strict=True))[1:])
    others = (total - part for total, part in zip(totals, shown, strict=True))
    return Ranking(listed, UsedByOthers(number - len(listed), *others))


async def sum_units_of(
    db: DbSession,
    tenant_id: str,
    dimension: Dimension,
    keys: Collection[str],
    *,
    since: datetime,
    until: datetime,
    env: str = "live",
) -> dict[str, int]:
    """Sum the units of some people, clients or grants of a tenant."""
    key = getattr(UsageHour, dimension)
    query = (
        select(key, func.sum(col(UsageHour.units)))
        .where(*_of_tenant(tenant_id, since, until, env), key.in_(set(keys)))
        .group_by(key)
    )
    return {found: int(units) for found, units in (await db.execute(query)).all()}


def _of_tenant(tenant_id: str, since: datetime, until: datetime, env: str) -> tuple[Any, ...]:
    return (
        col(UsageHour.tenant_id) == tenant_id,
        col(UsageHour.env) == env,
        col(UsageHour.hour) >= since,
        col(UsageHour.hour) < until,
    )


def _dimensions(event: CallEvent) -> _Dimensions:
    return _Dimensions(
        hour=hour_of(event.at),
        tenant_id=event.tenant_id,
        env=event.env,
        tool=event.tool,
        sub=event.sub,
        client_id=event.client_id,
        grant_id=event.grant_id,
        outcome=event.outcome,
        meter=event.meter,
        api=event.api,
    )
