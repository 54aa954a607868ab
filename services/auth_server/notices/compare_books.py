"""Compare the ledger with the usage once a day, and tell the operator if they disagree."""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta

import structlog

from auth_server.db.engine import Database, DbSession
from auth_server.metering.reconcile import Comparison, Difference, reconcile_usage
from auth_server.records.book_comparisons.store import list_months_that_differ, put_comparison
from auth_server.records.book_comparisons.table import BookComparison, BookDifference
from auth_server.records.progress.store import find_progress, lock_progress
from auth_server.records.tenants.store import search_tenants
from auth_server.records.usage.days import find_wrong_days, rebuild_day
from auth_server.webhooks.messages import Message, make_message, queue_message
from gatepost.metering.plans import day_of, end_of_month, month_of, start_of_day, start_of_month

JOB = "comparison of the books"
_AT_ONCE = 500

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Compared:
    """One month, or its part until now, with what was found."""

    since: datetime
    until: datetime
    found: Comparison


async def compare_books(database: Database, *, now: datetime) -> None:
    """Compare the month up to the last midnight, once for each day, and earlier ones that differed.

    A difference is told again each day until it is mended. Days that differ from their hours are added
    up again.
    """
    midnight, today = start_of_day(now), now.date().toordinal()
    current = start_of_month(midnight - timedelta(days=1))
    compared, wrong = list[_Compared](), list[date]()
    async with database.reading() as db:
        reached = await find_progress(db, JOB)
        if reached is not None and reached >= today:
            return
        tenants = await _list_tenant_ids(db)
        differed = [_start_of(month) for month in await list_months_that_differ(db)]
        spans = [(since, end_of_month(since)) for since in differed if since < current]
        for since, until in (*spans, (current, midnight)):
            found = await reconcile_usage(db, since=since, until=until, tenants=tenants)
            compared.append(_Compared(since, until, found))
            wrong += await find_wrong_days(db, since=since, until=until)
    for day in wrong:
        async with database.writing() as db, db.begin():
            await rebuild_day(db, day)
        log.warning("usage_day_rebuilt", day=day.isoformat())
    async with database.writing() as db, db.begin():
        progress = await lock_progress(db, JOB, start=today - 1)
        if progress is None or progress.reached >= today:
            return
        progress.reached = today
        for month in compared:
            await _store(db, month, now)
            for one in month.found.differences:
                await queue_message(db, _message_of(one, month, midnight), now=now)
    for one in (one for month in compared for one in month.found.differences):
        log.error(
            "books_differ",
            tenant_id=one.tenant_id,
            env=one.env,
            meter=one.meter,
            ledger=one.ledger,
            usage=one.usage,
            metered=one.metered,
        )


async def _list_tenant_ids(db: DbSession) -> list[str]:
    found: list[str] = []
    while some := await search_tenants(db, "", after=found[-1] if found else "", most=_AT_ONCE):
        found += [tenant.tenant_id for tenant in some]
    return found


async def _store(db: DbSession, compared: _Compared, now: datetime) -> None:
    month, found = month_of(compared.since), compared.found
    comparison = BookComparison(
        month=month,
        until=compared.until,
        compared_at=now,
        ledger=found.ledger,
        usage=found.usage,
        metered=found.metered,
        differences=len(found.differences),
    )
    differences = [BookDifference(month=month, **asdict(one)) for one in found.differences]
    await put_comparison(db, comparison, differences)


def _start_of(month: str) -> datetime:
    return datetime.fromisoformat(f"{month}-01").replace(tzinfo=UTC)


def _message_of(one: Difference, compared: _Compared, midnight: datetime) -> Message:
    data = {
        "tenant_id": one.tenant_id,
        "env": one.env,
        "meter": one.meter,
        "since": compared.since.isoformat(),
        "until": compared.until.isoformat(),
        "ledger": one.ledger,
        "usage": one.usage,
        "to_export": one.metered,
    }
    month = month_of(compared.since)
    occurrence = f"{day_of(midnight)} {month} {one.tenant_id} {one.env} {one.meter}"
    return make_message("books.differ", occurrence, data, tenant_id=one.tenant_id, at=midnight)
