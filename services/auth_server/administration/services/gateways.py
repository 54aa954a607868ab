"""List the processes of gateways, and what is wrong with each."""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import Slice, cut
from auth_server.db.engine import DbSession
from auth_server.records.gateways.store import find_report, list_reports
from auth_server.records.gateways.table import ReportedGateway
from gatepost.health import SILENT_AFTER, GatewayReport
from gatepost.revocations import LONGEST_WAIT

_LATE = timedelta(minutes=1)
"""How long events may wait, and how old revocations and plans may be."""
_CLOCKS_DIFFER = timedelta(seconds=10)
"""Much less than the 30 seconds for which both services allow."""
Problem = Literal[
    "silent",
    "breaker_open",
    "events_waiting",
    "events_lost",
    "stream_behind",
    "redis_down",
    "revocations_old",
    "plans_old",
    "catalogue_kept",
    "tools_withheld",
    "clock_differs",
]


class GatewayView(BaseModel):
    """One process of a gateway."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    instance: str
    """A random id of the process."""
    resource: str
    reported_at: datetime
    """When its last report arrived; it reports every 15 seconds."""
    problems: tuple[Problem, ...]
    """What is wrong. `silent`: no report arrived for a minute, so the process may have died."""
    report: GatewayReport


async def read_gateways(
    db: DbSession, operator: ActingOperator, *, after: str = "", limit: int, now: datetime
) -> Slice[GatewayView]:
    """List the processes that reported in the last day and did not stop, by their random ids.

    Raises:
        Forbidden: `gateways:read` is missing.
    """
    operator.require("gateways:read")
    rows = await list_reports(db, after=after, most=limit + 1)
    return cut([_view(row, now) for row in rows], limit, place=lambda view: view.instance)


async def read_gateway(
    db: DbSession, operator: ActingOperator, instance: str, *, now: datetime
) -> GatewayView:
    """Show one process.

    Raises:
        Forbidden: `gateways:read` is missing.
        NotFound: it does not exist, stopped, or has been silent for a day.
    """
    operator.require("gateways:read")
    row = await find_report(db, instance) if instance.isprintable() else None
    if row is None:
        raise NotFound(f"the gateway {instance[:32]} does not exist or has stopped")
    return _view(row, now)


def _view(row: ReportedGateway, now: datetime) -> GatewayView:
    report = GatewayReport.model_validate(row.report)
    return GatewayView(
        instance=row.instance,
        resource=row.resource,
        reported_at=row.reported_at,
        problems=_find_problems(report, row.reported_at, now),
        report=report,
    )


def _find_problems(report: GatewayReport, at: datetime, now: datetime) -> tuple[Problem, ...]:
    """Compare times of the report with its own, because a silent gateway knows no later one."""
    arrived, at = at, report.sent_at or at
    oldest, redis = report.events.oldest_at, report.redis
    entry = None if redis is None else redis.oldest_at
    found: dict[Problem, bool] = {
        "silent": now - arrived > SILENT_AFTER,
        "breaker_open": any(one.state != "closed" for one in report.breakers),
        "events_waiting": oldest is not None and at - oldest > _LATE,
        "events_lost": report.events.lost > 0,
        "stream_behind": entry is not None and at - entry > _LATE,
        "redis_down": redis is not None and not redis.up,
        "revocations_old": _is_old(report.revocations_heard_at, report, at, _LATE),
        "plans_old": _is_old(
            report.plans_heard_at, report, at, timedelta(seconds=2 * LONGEST_WAIT)
        ),
        "catalogue_kept": report.catalogue_kept and not report.tools_withheld,
        "tools_withheld": report.tools_withheld > 0,
        "clock_differs": abs(at - arrived) > _CLOCKS_DIFFER,
    }
    return tuple(problem for problem, is_found in found.items() if is_found)


def _is_old(
    heard_at: datetime | None, report: GatewayReport, at: datetime, longest: timedelta
) -> bool:
    return at - (heard_at or report.started_at) > longest
