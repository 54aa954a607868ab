"""Summaries of usage for reports: calls, errors, latencies and units, of one tenant or of all."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal, NamedTuple

from sqlalchemy import BigInteger, case, cast, func
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.usage.days import Kind, are_whole_days, key_of_days, match_days
from auth_server.records.usage.latency import BUCKETS, percentile
from auth_server.records.usage.table import UsageDay, UsageHour

By = Literal["tool", "tenant", "client", "person", "api"]
Order = Literal["calls", "errors", "refused", "units", "p95"]

_KEYS: dict[By, Any] = {
    "tool": UsageHour.tool,
    "tenant": UsageHour.tenant_id,
    "client": UsageHour.client_id,
    "person": UsageHour.sub,
    "api": UsageHour.api,
}
_ORDERS: dict[Order, int] = {"calls": 0, "errors": 1, "refused": 2, "units": 4, "p95": 0}
"""The places in the amounts of a source; an order by `p95` is among the keys with the most calls."""
_MOST_SORTED = 1_000
_MOST_DAYS = 31
"""The longest period whose days are named one by one."""


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
    api: str = ""
    """The API that was called; empty for all calls."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The calls with one key, and their units.

    The percentiles are milliseconds that 50, 95 and 99 percent of the calls did not exceed, estimated
    from a histogram (`percentile`); None without calls. They leave out refused calls, which did not
    reach the upstream.
    """

    key: str
    """The tool, `tenant_id`, `client_id`, `sub` or API; empty for a total, and for calls of no named API."""
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


class Counts(NamedTuple):
    """The calls of an hour or day."""

    calls: int
    errors: int
    refused: int


class _Source(NamedTuple):
    """Where calls are summed up: the days, for whole days of all tenants, or the hours."""

    key: Any
    amounts: list[Any]
    conditions: list[Any]
    of_few: tuple[Any, ...] = ()
    """Conditions that lead to the rows of a few keys by the index; they change no result."""

    def select(self, *columns: Any) -> Any:
        return select(*columns).where(*self.conditions)


async def summarize_usage(
    db: DbSession, by: By, wanted: UsageFilter, *, order: Order = "calls", most: int = 50
) -> list[Summary]:
    """List the tools, tenants, clients, people or APIs with the most calls, errors, refused calls or units.

    The APIs have all calls together: those of no named API are listed too. An order by `p95` lists the
    slowest of the 1,000 with the most calls; of people, who are many, it orders the `most` with the most calls.

    Args:
        db: an open database session.
        by: the kind of key.
        wanted: the calls to summarize.
        order: the number to order by, the largest first, and then by the key.
        most: how many keys to list.
    """
    if by == "api":
        found = await _summarize_apis(db, wanted)
        found.sort(key=lambda one: (-(getattr(one, order) or 0), one.key))
        return found[:most]
    source = _choose_source(by, wanted)
    key, place = source.key, _ORDERS[order]
    number = source.amounts[place]
    # First the keys, because all sums of every person would take several times as long; and in a query
    # of their own, because a database that knows them finds their rows by the index.
    first = (
        source.select(key)
        .group_by(key)
        .order_by(number.desc(), key)
        .limit(_MOST_SORTED if order == "p95" and by != "person" else most)
    )
    keys = (await db.execute(first)).scalars().all()
    query = source.select(key, *source.amounts).where(key.in_(keys), *source.of_few).group_by(key)
    found = [_summary(row[0], row[1:]) for row in (await db.execute(query)).all()]
    found.sort(key=lambda one: (-(getattr(one, order) or 0), one.key))
    return found[:most]


async def list_apis(db: DbSession, wanted: UsageFilter) -> list[str]:
    """List the named APIs that were called in a period of whole days."""
    source = _days("api", wanted)
    return sorted((await db.execute(source.select(source.key).distinct())).scalars().all())


async def _summarize_apis(db: DbSession, wanted: UsageFilter) -> list[Summary]:
    source, whole = _choose_source("api", wanted), _choose_source("total", wanted)
    query = source.select(source.key, *source.amounts).group_by(source.key)
    found = {row[0]: list(row[1:]) for row in (await db.execute(query)).all() if row[0]}
    rest = [amount or 0 for amount in (await db.execute(whole.select(*whole.amounts))).one()]
    for amounts in found.values():
        rest = [left - part for left, part in zip(rest, amounts, strict=True)]
    if rest[0]:
        found[""] = rest
    return [_summary(api, amounts) for api, amounts in found.items()]


async def count_days(db: DbSession, wanted: UsageFilter) -> dict[datetime, Counts]:
    """Count the calls of each day of a period of whole days; days without calls are left out.

    The keys are the times in UTC when the days begin.
    """
    found = await _count(db, col(UsageDay.day), _days("total", wanted))
    return {datetime.combine(day, time(), UTC): counts for day, counts in found.items()}


async def count_hours(db: DbSession, wanted: UsageFilter) -> dict[datetime, Counts]:
    """Count the calls of each hour; hours without calls are left out."""
    return await _count(db, col(UsageHour.hour), _hours("total", wanted))


async def _count(db: DbSession, key: Any, source: _Source) -> dict[Any, Counts]:
    query = source.select(key, *source.amounts[:3]).group_by(key)
    rows = (await db.execute(query)).all()
    return {row[0]: Counts(*row[1:]) for row in rows}


async def summarize_total(db: DbSession, wanted: UsageFilter) -> Summary:
    """Summarize all calls together."""
    source = _choose_source("total", wanted)
    return _summary("", (await db.execute(source.select(*source.amounts))).one())


def _choose_source(kind: Kind, wanted: UsageFilter) -> _Source:
    return _days(kind, wanted) if _reads_days(wanted) else _hours(kind, wanted)


def _reads_days(wanted: UsageFilter) -> bool:
    return wanted.tenant_id is None and are_whole_days(wanted.since, wanted.until)


def _days(kind: Kind, wanted: UsageFilter) -> _Source:
    names = ("calls", "errors", "refused", "unknown", "units", *BUCKETS)
    conditions = match_days(kind, wanted.since, wanted.until, wanted.env, api=wanted.api)
    amounts = [_sum(getattr(UsageDay, name)) for name in names]
    since, days = wanted.since.astimezone(UTC).date(), (wanted.until - wanted.since).days
    # In the index, the key comes after the day.
    each = [since + timedelta(days=number) for number in range(days)] if days <= _MOST_DAYS else []
    of_few = (col(UsageDay.day).in_(each),) if each else ()
    key = key_of_days(kind, api=wanted.api)
    return _Source(key, amounts, [*conditions, col(UsageDay.calls) != 0], of_few)


def _hours(kind: Kind, wanted: UsageFilter) -> _Source:
    calls, outcome = col(UsageHour.calls), col(UsageHour.outcome)

    def of(wanted: str) -> Any:
        return _sum(case((outcome == wanted, calls), else_=0))

    reached = outcome != "refused"
    amounts = [
        _sum(calls),
        of("error"),
        of("refused"),
        of("unknown"),
        _sum(col(UsageHour.units)),
        *(_sum(case((reached, getattr(UsageHour, name)), else_=0)) for name in BUCKETS),
    ]
    conditions = [
        col(UsageHour.hour) >= wanted.since,
        col(UsageHour.hour) < wanted.until,
        col(UsageHour.env) == wanted.env,
        # A row stays without calls if events that came later replaced them all.
        calls != 0,
    ]
    if wanted.tenant_id is not None:
        conditions.append(col(UsageHour.tenant_id) == wanted.tenant_id)
    if wanted.api:
        conditions.append(col(UsageHour.api) == wanted.api)
    return _Source(None if kind == "total" else _KEYS[kind], amounts, conditions)


def _sum(amount: Any) -> Any:
    # PostgreSQL sums to decimals, which are slow to read.
    return cast(func.sum(amount), BigInteger)


def _summary(key: str, row: Iterable[Any]) -> Summary:
    # The sums of no rows are NULL.
    calls, errors, refused, unknown, units, *counts = (amount or 0 for amount in row)
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
