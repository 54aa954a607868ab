"""Export usage in the background while the service runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

import structlog

from auth_server.exports.exporting import Exporting
from auth_server.exports.plan import SETTLES_IN, plan_exports
from auth_server.exports.reconcile import reconcile_exports
from auth_server.exports.send import send_exports
from auth_server.records.metered_hours.store import sum_unplanned
from gatepost.metering.plans import hour_of

EVERY = 60.0
_TELL_EVERY = timedelta(days=1)

Sleep = Callable[[float], Awaitable[None]]

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


@asynccontextmanager
async def exporting_usage(
    exporting: Exporting | None, *, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[None]:
    """Export every minute; without a system, do nothing. Any number of processes may do this."""
    if exporting is None:
        yield
        return

    async def repeat() -> None:
        told: datetime | None = None
        while True:
            await sleep(EVERY)
            try:
                await export_usage(exporting)
                if told is None or exporting.now() - told >= _TELL_EVERY:
                    await tell_waiting(exporting)
                    told = exporting.now()
            except Exception as error:  # noqa: BLE001 - the database may recover
                log.warning("usage_not_exported", kind=type(error).__name__)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
