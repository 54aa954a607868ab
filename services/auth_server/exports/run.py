"""Export usage in the background while the service runs."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import structlog

from auth_server.exports.exporting import Exporting
from auth_server.exports.plan import SETTLES_IN, plan_exports
from auth_server.exports.reconcile import reconcile_exports
from auth_server.exports.send import send_exports
from auth_server.records.metered_hours.store import sum_unplanned
from gatepost.background import Job, Sleep, repeating
from gatepost.metering.plans import hour_of
from gatepost.tracing.jobs import record_jobs

if TYPE_CHECKING:
    from gatepost.tracing.tracing import Tracing

EVERY = 60.0
_DAY = 24 * 60

log = structlog.get_logger()


async def tell_waiting(exporting: Exporting) -> None:
    """Log how many units of former hours wait because their tenants have no customer."""
    before = hour_of(exporting.now() - SETTLES_IN)
    async with exporting.database.reading() as db:
        tenants, units = await sum_unplanned(db, before=before)
    if tenants:
        log.info("usage_without_customer", tenants=tenants, units=units)


async def export_usage(exporting: Exporting) -> None:
    """Do everything that is due now: plan, send, reconcile."""
    await plan_exports(exporting)
    while await send_exports(exporting):
        pass
    while await reconcile_exports(exporting):
        pass


def exporting_usage(
    exporting: Exporting | None,
    tracing: "Tracing | None" = None,
    *,
    sleep: Sleep = asyncio.sleep,
) -> AbstractAsyncContextManager[None]:
    """Export every minute; without a system, do nothing. Any number of processes may do this."""
    if exporting is None:
        return nullcontext()
    jobs = [
        Job("export", partial(export_usage, exporting)),
        Job("tell", partial(tell_waiting, exporting), rounds=_DAY),
    ]
    return repeating(record_jobs(jobs, tracing), every=EVERY, tell=_tell, sleep=sleep)


def _tell(_: Job, problem: Exception, __: int) -> None:
    log.warning("usage_not_exported", kind=type(problem).__name__)
