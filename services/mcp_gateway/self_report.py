"""Report the state of this process to the authorization server, which shows it to operators."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

import structlog

from gatepost.background import in_background
from gatepost.clock import Now
from gatepost.health import REPORT_SECONDS, GatewayReport
from mcp_gateway.limits.known_plans import KnownPlans
from mcp_gateway.live_catalogue import LiveCatalogue
from mcp_gateway.revocations.followed import Revocations
from mcp_gateway.runtime import Reporting
from mcp_gateway.upstream.guards import Guards

_LAST_SECONDS = 2.0
"""Seconds that a stopping process waits for its last report."""
_UNPRINTABLE = re.compile(r"[^ -~]")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of the gateway whose state is reported, and how; None reports nothing."""

    live: LiveCatalogue
    revocations: Revocations
    plans: KnownPlans
    guards: Guards
    reporting: Reporting | None


@asynccontextmanager
async def reporting(parts: Parts, instance: str, now: Now) -> AsyncIterator[None]:
    """Report at once and every 15 seconds while the block lasts, and at its end that this stops.

    Args:
        parts: what to report.
        instance: a new random id in hexadecimal, which names this process.
        now: the clock.
    """
    if (how := parts.reporting) is None:
        yield
        return
    started_at = now()

    async def report_on() -> None:
        failing = False
        while True:
            try:
                await how.send(await _read(parts, how, instance, (started_at, now())))
                failing = False
            except Exception as problem:  # noqa: BLE001 - the next report may arrive
                if not failing:
                    log.warning("state_not_reported", reason=str(problem)[:300])
                failing = True
            await how.sleep(REPORT_SECONDS)

    async with in_background(report_on):
        yield
    # Without it, operators would look for a process that died.
    with suppress(Exception):
        async with asyncio.timeout(_LAST_SECONDS):
            last = await _read(parts, how, instance, (started_at, now()))
            await how.send(last.model_copy(update={"stopping": True}))


async def _read(
    parts: Parts, how: Reporting, instance: str, times: tuple[datetime, datetime]
) -> GatewayReport:
    catalogue, (started_at, sent_at) = parts.live.catalogue, times
    return GatewayReport(
        instance=instance,
        host=_UNPRINTABLE.sub("?", socket.gethostname())[:255],
        version=version("gatepost"),
        started_at=started_at,
        sent_at=sent_at,
        catalogue=catalogue.hash,
        catalogue_kept=parts.live.is_kept,
        tools_withheld=parts.live.withheld,
        tools=len(catalogue.tools),
        breakers=parts.guards.report(),
        events=await how.events(),
        redis=None if how.redis is None else await how.redis(),
        revocations_heard_at=parts.revocations.heard_at,
        plans_heard_at=parts.plans.heard_at,
    )
