"""Plan exports: assign every unit of the ledger to exactly one of them."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import orjson

from auth_server.db.engine import DbSession
from auth_server.exports.exporting import Exporting
from auth_server.exports.port import Customer, Rules
from auth_server.records.ledger.store import sum_units_of_tenant
from auth_server.records.metered_hours.store import Place, find_hour, lock_hours_to_export
from auth_server.records.metered_hours.table import MeteredHour
from auth_server.records.usage_exports.store import (
    add_export,
    find_export_at,
    list_exports_of_hour,
    lock_unsent_of_others,
)
from auth_server.records.usage_exports.table import ExportState, UsageExport
from gatepost.metering.plans import hour_of

HOUR = timedelta(hours=1)
SETTLES_IN = timedelta(minutes=5)
"""How long after an hour its calls may be written without counting as late."""
TOO_OLD = "too old for the system"
NOT_SUBSCRIBED = "from before the tenant subscribed"
_MOST = 100


async def plan_exports(exporting: Exporting) -> int:
    """Plan the export of every unit that belongs to none; return how many exports were planned.

    The hours before the present one are planned, for tenants with a customer. Units that arrive after
    the export of their hour was planned get one of their own.
    """
    await _take_back(exporting)
    planned, after = 0, None
    before = hour_of(exporting.now() - SETTLES_IN)
    while True:
        async with exporting.database.writing() as db, db.begin():
            rows = await lock_hours_to_export(
                db,
                after=after,
                before=before,
                only=exporting.customers.select_tenants(),
                most=_MOST,
            )
            customers = await exporting.customers.find(db, {row.tenant_id for row in rows})
            for row in rows:
                planned += await _plan_hour(db, exporting, row, customers)
        if len(rows) < _MOST:
            return planned
        after = Place(rows[-1].hour, rows[-1].tenant_id, rows[-1].meter)


async def _take_back(exporting: Exporting) -> None:
    """Take back exports to a former system that were never sent, so that they are planned again."""
    while True:
        async with exporting.database.writing() as db, db.begin():
            others = await lock_unsent_of_others(db, exporting.exporter.name, most=_MOST)
            for export in others:
                await release_export(db, export)
        if len(others) < _MOST:
            return


async def release_export(db: DbSession, export: UsageExport) -> None:
    """Delete an export that the system certainly did not count, so that its units are planned again."""
    hour = await find_hour(db, export.tenant_id, export.meter, export.hour)
    if hour is not None:
        hour.exported -= export.units
        hour.problem = ""
    await db.delete(export)
    await db.flush()


async def _plan_hour(
    db: DbSession, exporting: Exporting, row: MeteredHour, customers: Mapping[str, Customer]
) -> int:
    customer = customers.get(row.tenant_id)
    if customer is None:
        return 0
    rules, now = exporting.exporter.rules, exporting.now()
    new = row.units - row.exported - await _sum_unpaid(db, row, customer)
    if new <= 0:
        row.problem = NOT_SUBSCRIBED
        return 0
    known = await list_exports_of_hour(db, row.tenant_id, row.meter, row.hour)
    first = sequence = max((one.sequence for one in known), default=-1) + 1
    for since, units in await _divide(db, row, known, customer, new):
        at = time_to_count(since, customer, rules, now)
        if at is None:
            row.problem = TOO_OLD
            continue
        if rules.once_an_hour:
            taken = await find_export_at(db, row.tenant_id, row.meter, at)
            if taken is not None and now - at <= rules.accepts:
                at = hour_of(now) - HOUR
                taken = await find_export_at(db, row.tenant_id, row.meter, at)
            if taken is not None:
                if taken.state == ExportState.PLANNED and taken.attempts == 0:
                    taken.units += units
                    row.exported += units
                continue  # otherwise the next hour takes them along
        key = (exporting.issuer, row.tenant_id, row.meter, row.hour.isoformat(), sequence)
        await add_export(
            db,
            UsageExport(
                identifier=name_export(*key),
                system=exporting.exporter.name,
                tenant_id=row.tenant_id,
                meter=row.meter,
                hour=row.hour,
                since=since,
                at=at,
                sequence=sequence,
                units=units,
                state=ExportState.PLANNED,
                next_attempt_at=now,
            ),
        )
        row.exported += units
        sequence += 1
    return sequence - first


def name_export(*parts: str | int) -> str:
    """Return an identifier that is the same whenever it is made of the same parts."""
    return f"gatepost_{hashlib.sha256(orjson.dumps(parts)).hexdigest()[:40]}"


async def _sum_unpaid(db: DbSession, row: MeteredHour, customer: Customer) -> int:
    """Sum the units of an hour from before the tenant had subscribed."""
    start = customer.subscribed_at
    if start is None or start <= row.hour:
        return 0
    until = min(start, row.hour + HOUR)
    return await sum_units_of_tenant(db, row.tenant_id, row.meter, since=row.hour, until=until)


async def _divide(
    db: DbSession, row: MeteredHour, known: Sequence[UsageExport], customer: Customer, new: int
) -> list[tuple[datetime, int]]:
    """Divide an hour's new units where a billing period begins, by the times of the calls."""
    ends = {customer.period_start, customer.period_end} - {None, customer.subscribed_at}
    start = max(row.hour, customer.subscribed_at or row.hour)
    cuts = sorted(cut for cut in ends if cut and start < cut < row.hour + HOUR)
    if not cuts:
        return [(start, new)]
    parts = []
    for since, until in zip([start, *cuts], [*cuts, row.hour + HOUR], strict=True):
        total = await sum_units_of_tenant(db, row.tenant_id, row.meter, since=since, until=until)
        exported = sum(one.units for one in known if since <= one.since < until)
        parts.append((since, total - exported))
    if all(units >= 0 for _, units in parts):
        return [(since, units) for since, units in parts if units]
    # The hour was exported before the period's start was known, so its parts don't add up.
    return [(max(parts, key=lambda part: part[1])[0], new)]


def time_to_count(
    since: datetime, customer: Customer, rules: Rules, now: datetime
) -> datetime | None:
    """Choose the time under which the system counts units; None if it can't any more."""
    start = customer.period_start
    if rules.carries_after is not None and start is not None and since < start:
        if now >= start + rules.carries_after:
            return start
    elif rules.once_an_hour:
        hour = hour_of(since)
        return hour if now - hour <= rules.accepts else hour_of(now) - HOUR
    return since if now - since <= rules.accepts else None
