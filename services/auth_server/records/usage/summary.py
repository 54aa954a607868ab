"""Summaries of usage for reports: calls, errors, latencies and units, of one tenant or of all."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import Date, case, cast, func
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.usage.latency import BUCKETS, percentile
from auth_server.records.usage.table import UsageHour

By = Literal["tool", "tenant", "client", "person"]
Order = Literal["calls", "errors", "refused", "units"]

_KEYS: dict[By, Any] = {
    "tool": UsageHour.tool,
    "tenant": UsageHour.tenant_id,
    "client": UsageHour.client_id,
    "person": UsageHour.sub,
}
_ORDERS: dict[Order, int] = {"calls": 0, "errors": 1, "refused": 2, "units": 4}
"""The places in `_amounts`."""


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """The calls that a summary is about."""

    since: datetime
    """The beginning of the period, a whole hour."""
    until: datetime
    """Its end, a whole hour."""
    tenant_id: str | None = None
    """The tenant that made the calls; None for all tenants."""
    env: Literal["live", "test"] = "live"


@dataclass(frozen=True, slots=True)
class Summary:
    """The calls with one key, and their units.

    The percentiles are milliseconds that 50, 95 and 99 percent of the calls did not exceed, estimated
    from a histogram (`percentile`); None without calls. They leave out refused calls, which did not
    reach the upstream.
    """

    key: str
    """The tool, `tenant_id`, `client_id` or `sub`; a day such as `2026-11-28`; empty for a total."""
    calls: int
    errors: int
    """The calls that the upstream answered without success."""
    refused: int
    """The calls that did nothing."""
    unknown: int
    """The calls whose result nobody knows."""
    units: int
    p50: float | None
    p95: float | None
    p99: float | None


class HourCounts(NamedTuple):
    """The calls of an hour."""

    calls: int
    errors: int
    refused: int


async def summarize_usage(
    db: DbSession, by: By, wanted: UsageFilter, *, order: Order = "calls", most: int = 50
) -> list[Summary]:
    """List the tools, tenants, clients or people with the most calls, errors, refused calls or units.

    Args:
        db: an open database session.
        by: the kind of key.
        wanted: the calls to summarize.
        order: the number to order by, the largest first, and then by the key.
        most: how many keys to list.
    """
    key, amounts = _KEYS[by], _amounts()
    query = (
        select(key, *amounts)
        .where(*_match(wanted))
        .group_by(key)
        .order_by(amounts[_ORDERS[order]].desc(), key)
        .limit(most)
    )
    return [_summary(row[0], row[1:]) for row in (await db.execute(query)).all()]


async def summarize_days(db: DbSession, wanted: UsageFilter) -> list[Summary]:
    """Summarize each day in UTC, in order; days without calls are left out."""
    day: Any = func.substr(UsageHour.hour, 1, 10)
    if db.get_bind().dialect.name == "postgresql":
        day = cast(func.timezone("UTC", UsageHour.hour), Date)
    query = select(day, *_amounts()).where(*_match(wanted)).group_by(day).order_by(day)
    return [_summary(str(row[0]), row[1:]) for row in (await db.execute(query)).all()]


async def count_hours(db: DbSession, wanted: UsageFilter) -> dict[datetime, HourCounts]:
    """Count the calls of each hour; hours without calls are left out."""
    hour, [calls, errors, refused, *_] = col(UsageHour.hour), _amounts()
    query = select(hour, calls, errors, refused).where(*_match(wanted)).group_by(hour)
    rows = (await db.execute(query)).all()
    return {row[0]: HourCounts(int(row[1]), int(row[2]), int(row[3])) for row in rows}


async def summarize_total(db: DbSession, wanted: UsageFilter) -> Summary:
    """Summarize all calls together."""
    query = select(*_amounts()).where(*_match(wanted))
    return _summary("", (await db.execute(query)).one())


def _amounts() -> list[Any]:
    calls, outcome = col(UsageHour.calls), col(UsageHour.outcome)

    def of(wanted: str) -> Any:
        return func.sum(case((outcome == wanted, calls), else_=0))

    reached = outcome != "refused"
    return [
        func.sum(calls),
        of("error"),
        of("refused"),
        of("unknown"),
        func.sum(col(UsageHour.units)),
        *(func.sum(case((reached, getattr(UsageHour, name)), else_=0)) for name in BUCKETS),
    ]


def _match(wanted: UsageFilter) -> list[Any]:
    conditions = [
        col(UsageHour.hour) >= wanted.since,
        col(UsageHour.hour) < wanted.until,
        col(UsageHour.env) == wanted.env,
        # A row stays without calls if events that came later replaced them all.
        col(UsageHour.calls) != 0,
    ]
    if wanted.tenant_id is not None:
        conditions.append(col(UsageHour.tenant_id) == wanted.tenant_id)
    return conditions


def _summary(key: str, row: Iterable[Any]) -> Summary:
    # The sums of no rows are NULL, and those of PostgreSQL are decimals.
    calls, errors, refused, unknown, units, *counts = (int(amount or 0) for amount in row)
    return Summary(
        key=key,
        calls=calls,
        errors=errors,
        refused=refused,
        unknown=unknown,
        units=units,
        p50=percentile(counts, 0.5),
        p95=percentile(counts, 0.95),
        p99=percentile(counts, 0.99),
    )
