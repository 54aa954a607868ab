"""Compare the ledger with the usage once a day, and tell the operator if they disagree."""

from dataclasses import asdict
from datetime import datetime, timedelta

import structlog

from auth_server.db.engine import Database, DbSession
from auth_server.metering.reconcile import Comparison, Difference, reconcile_usage
from auth_server.records.book_comparisons.store import put_comparison
from auth_server.records.book_comparisons.table import BookComparison, BookDifference
from auth_server.records.progress.store import find_progress, lock_progress
from auth_server.records.tenants.store import search_tenants
from auth_server.records.usage.days import find_wrong_days, rebuild_day
from auth_server.webhooks.messages import Message, make_message, queue_message
from gatepost.metering.plans import day_of, month_of, start_of_day, start_of_month

JOB = "comparison of the books"
_AT_ONCE = 500

log = structlog.get_logger()


async def compare_books(database: Database, *, now: datetime) -> None:
    """Compare the month up to the last midnight, once for each day.

    A difference is told again each day until it is mended. Days that differ from their hours are added
    up again.
    """
    until, today = start_of_day(now), now.date().toordinal()
    since = start_of_month(until - timedelta(days=1))
    async with database.reading() as db:
        reached = await find_progress(db, JOB)
        if reached is not None and reached >= today:
            return
        tenants = await _list_tenant_ids(db)
        compared = await reconcile_usage(db, since=since, until=until, tenants=tenants)
        wrong = await find_wrong_days(db, since=since, until=until)
    found = compared.differences
    for day in wrong:
        async with database.writing() as db, db.begin():
            await rebuild_day(db, day)
        log.warning("usage_day_rebuilt", day=day.isoformat())
    async with database.writing() as db, db.begin():
        progress = await lock_progress(db, JOB, start=today - 1)
        if progress is None or progress.reached >= today:
            return
        progress.reached = today
        await _store(db, compared, since, until, now)
        for one in found:
            await queue_message(db, _message_of(one, since, until), now=now)
    for one in found:
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


async def _store(
    db: DbSession, compared: Comparison, since: datetime, until: datetime, now: datetime
) -> None:
    month, found = month_of(since), compared.differences
    comparison = BookComparison(
        month=month,
        until=until,
        compared_at=now,
        ledger=compared.ledger,
        usage=compared.usage,
        metered=compared.metered,
        differences=len(found),
    )
    differences = [BookDifference(month=month, **asdict(one)) for one in found]
    await put_comparison(db, comparison, differences)


def _message_of(one: Difference, since: datetime, until: datetime) -> Message:
    data = {
        "tenant_id": one.tenant_id,
        "env": one.env,
        "meter": one.meter,
        "since": since.isoformat(),
        "until": until.isoformat(),
        "ledger": one.ledger,
        "usage": one.usage,
        "to_export": one.metered,
    }
    occurrence = f"{day_of(until)} {one.tenant_id} {one.env} {one.meter}"
    return make_message("books.differ", occurrence, data, tenant_id=one.tenant_id, at=until)
