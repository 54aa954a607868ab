"""Notice quotas and budgets that have reached 80 or 100 percent, once in their day or month."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from auth_server.db.engine import Database, DbSession
from auth_server.metering.usage_report import Quota, UsageReport, choose_plan, read_usage_report
from auth_server.records.plans.store import list_plans
from auth_server.records.quota_notices.store import add_notices
from auth_server.records.quota_notices.table import QuotaNotice
from auth_server.records.tenants.store import find_tenant
from auth_server.records.usage.store import sum_tenants
from auth_server.webhooks.messages import Message, make_message, queue_message
from gatepost.metering.plans import day_of, hour_of, start_of_day

PERCENTS = (80, 100)
_SETTLES_IN = timedelta(minutes=10)

log = structlog.get_logger()


TakeNotice = Callable[[DbSession, QuotaNotice, datetime], Awaitable[None]]
"""Stores what follows from a new notice, in its transaction."""


async def notice_quotas(
    database: Database, now: datetime, *, take: Sequence[TakeNotice] = ()
) -> None:
    """Store and log what tenants that made calls lately have reached."""
    lately = hour_of(now) - timedelta(hours=1)
    async with database.reading() as db:
        plans = await list_plans(db)
        callers = await sum_tenants(db, since=lately, until=now + timedelta(hours=1))
    for tenant_id in sorted(callers):
        async with database.reading() as db:
            tenant = await find_tenant(db, tenant_id)
            if tenant is None:
                continue
            plan = choose_plan(plans, tenant)
            reports = [await read_usage_report(db, tenant, plan, now=at) for at in _ends(now)]
        reached = [notice for report in reports for notice in _reached(report)]
        if not reached:
            continue
        async with database.writing() as db, db.begin():
            added = await add_notices(db, reached)
            for notice in added:
                await queue_message(db, message_of_quota(notice), now=now)
                for each in take:
                    await each(db, notice, now)
        for notice in added:
            log.info(
                "quota_reached",
                tenant_id=tenant_id,
                kind=notice.kind,
                key=notice.key,
                percent=notice.percent,
                limit=notice.units_limit,
                used=notice.used,
            )


def message_of_quota(notice: QuotaNotice) -> Message:
    """Make the message that a quota or budget has reached a percentage."""
    data = {
        "tenant_id": notice.tenant_id,
        "kind": notice.kind,
        "key": notice.key,
        "period": notice.period,
        "percent": notice.percent,
        "limit": notice.units_limit,
        "used": notice.used,
    }
    return make_message(
        "quota.reached", notice.notice_id, data, tenant_id=notice.tenant_id, at=notice.at
    )


def _ends(now: datetime) -> list[datetime]:
    """Return the time, and in a day's first minutes also the end of the day before.

    Calls of its last minutes are noticed only then.
    """
    midnight = start_of_day(now)
    before = [midnight - timedelta(microseconds=1)] if now - midnight < _SETTLES_IN else []
    return [*before, now]


def _reached(report: UsageReport) -> Iterator[dict[str, Any]]:
    """Yield the columns of every notice that the report deserves."""
    for quota in (*report.quotas, *report.budgets):
        for percent in PERCENTS:
            if quota.limit and 100 * quota.used >= percent * quota.limit:
                yield {
                    "tenant_id": report.tenant_id,
                    "kind": quota.kind,
                    "key": quota.key,
                    "period": _period(quota, report),
                    "percent": percent,
                    "units_limit": quota.limit,
                    "used": quota.used,
                    "at": report.at,
                }


def _period(quota: Quota, report: UsageReport) -> str:
    return day_of(report.at) if quota.kind == "day" else report.month
