"""Summarize usage: calls, errors and latencies of all tenants, by tool, tenant, client, person or API."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound
from auth_server.administration.operator import ActingOperator
from auth_server.catalogues.callers import list_caller_names
from auth_server.db.engine import DbSession
from auth_server.metering.usage_report import UsageReport, choose_plan, read_usage_report
from auth_server.records.people.store import find_people
from auth_server.records.plans.store import list_plans
from auth_server.records.tenants.store import find_tenant, list_tenant_names
from auth_server.records.usage.summary import (
    By,
    Counts,
    Order,
    Summary,
    UsageFilter,
    count_days,
    count_hours,
    list_apis,
    summarize_total,
    summarize_usage,
)
from gatepost.metering.plans import end_of_day, hour_of, start_of_day

Days = Literal[1, 7, 30]
DAYS: tuple[Days, ...] = (1, 7, 30)
"""The periods: the last 24 hours by the hour, or whole days in UTC with today."""
_TOP = 8
_NO_CALLS = Counts(0, 0, 0)


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class UsageRow(_Value):
    """The calls of one tool, tenant, client, person or API.

    The percentiles are milliseconds that 50, 95 and 99 percent of the calls did not exceed, estimated
    from a histogram without refused calls; null without calls.
    """

    key: str
    """Empty for the calls of no named API: of tools that don't exist, and of before they were counted."""
    name: str
    """The name, or the key if nothing of this id exists any more."""
    calls: int
    errors: int
    """Calls that the API answered without success."""
    refused: int
    """Calls that did nothing."""
    unknown: int
    """Calls whose result nobody knows."""
    units: int
    p50: float | None
    p95: float | None
    p99: float | None


class TrafficPoint(_Value):
    """The calls of one hour or day."""

    at: datetime
    calls: int
    errors: int
    refused: int


class Overview(_Value):
    """The traffic of a period."""

    since: datetime
    until: datetime
    total: UsageRow
    points: tuple[TrafficPoint, ...]
    """By the hour for one day, else by the day."""
    tools: tuple[UsageRow, ...]
    tenants: tuple[UsageRow, ...]
    clients: tuple[UsageRow, ...]
    apis: tuple[UsageRow, ...]
    """Empty unless several APIs were called in the last 31 days."""


async def read_usage(
    db: DbSession,
    operator: ActingOperator,
    by: By,
    *,
    days: Days,
    order: Order = "calls",
    api: str = "",
    limit: int,
    now: datetime,
) -> list[UsageRow]:
    """List the tools, tenants, clients, people or APIs with the most calls, errors, refused calls or units.

    Args:
        db: an open database session.
        operator: who asks.
        by: the kind of row.
        days: the period.
        order: the number to order by.
        api: the name of an API; empty for the calls of all.
        limit: how many rows to list.
        now: the present.

    Raises:
        Forbidden: `usage:read` is missing.
    """
    operator.require("usage:read")
    wanted = replace(_period(days, now), api=api)
    found = await summarize_usage(db, by, wanted, order=order, most=limit)
    return await _name_all(db, by, found)


async def list_used_apis(db: DbSession, operator: ActingOperator, *, now: datetime) -> list[str]:
    """List the named APIs that were called in the last 31 days, if they are several.

    Raises:
        Forbidden: `usage:read` is missing.
    """
    operator.require("usage:read")
    until = end_of_day(now)
    found = await list_apis(db, UsageFilter(until - timedelta(days=31), until))
    return found if len(found) > 1 else []


async def read_tenant_usage(
    db: DbSession, operator: ActingOperator, tenant_id: str, *, api: str = "", now: datetime
) -> UsageReport:
    """Read what a tenant may use and has used in this month, of one API or of all, and what it costs.

    Raises:
        Forbidden: `usage:read` is missing.
        NotFound: the tenant does not exist.
    """
    operator.require("usage:read")
    tenant = await find_tenant(db, tenant_id)
    if tenant is None:
        raise NotFound(f"the tenant {tenant_id} does not exist")
    plan = choose_plan(await list_plans(db), tenant)
    return await read_usage_report(db, tenant, plan, api=api, now=now)


async def read_overview(
    db: DbSession, operator: ActingOperator, *, days: Days, now: datetime
) -> Overview:
    """Summarize a period, with the busiest tools, tenants and clients, and its APIs if they are several.

    Raises:
        Forbidden: `usage:read` is missing.
    """
    several = bool(await list_used_apis(db, operator, now=now))
    period = _period(days, now)
    tools, tenants, clients = [
        tuple(await _name_all(db, by, await summarize_usage(db, by, period, most=_TOP)))
        for by in _TOP_OF
    ]
    return Overview(
        since=period.since,
        until=period.until,
        total=_row(await summarize_total(db, period), {}),
        points=await _read_points(db, period, days),
        tools=tools,
        tenants=tenants,
        clients=clients,
        apis=await _name_apis(db, period) if several else (),
    )


async def _name_apis(db: DbSession, period: UsageFilter) -> tuple[UsageRow, ...]:
    return tuple(_row(one, {}) for one in await summarize_usage(db, "api", period, most=_TOP))


_TOP_OF: tuple[By, ...] = ("tool", "tenant", "client")


def _period(days: Days, now: datetime) -> UsageFilter:
    if days == 1:
        until = hour_of(now) + timedelta(hours=1)
        return UsageFilter(until - timedelta(days=1), until)
    return UsageFilter(start_of_day(now) - timedelta(days=days - 1), end_of_day(now))


async def _read_points(db: DbSession, period: UsageFilter, days: Days) -> tuple[TrafficPoint, ...]:
    if days == 1:
        step, counts = timedelta(hours=1), await count_hours(db, period)
    else:
        step, counts = timedelta(days=1), await count_days(db, period)
    times = [period.since + place * step for place in range((period.until - period.since) // step)]
    return tuple(
        TrafficPoint(at=at, calls=found.calls, errors=found.errors, refused=found.refused)
        for at in times
        for found in [counts.get(at, _NO_CALLS)]
    )


async def _name_all(db: DbSession, by: By, found: Sequence[Summary]) -> list[UsageRow]:
    names = await _find_names(db, by, {one.key for one in found})
    return [_row(one, names) for one in found]


async def _find_names(db: DbSession, by: By, keys: Collection[str]) -> Mapping[str, str]:
    match by:
        case "tenant":
            return await list_tenant_names(db, keys)
        case "client":
            return await list_caller_names(db, keys)
        case "person":
            people = await find_people(db, keys)
            return {key: person.name for key, person in people.items()}
        case "tool" | "api":
            return {}


def _row(one: Summary, names: Mapping[str, str]) -> UsageRow:
    return UsageRow(
        key=one.key,
        name=names.get(one.key) or one.key,
        calls=one.calls,
        errors=one.errors,
        refused=one.refused,
        unknown=one.unknown,
        units=one.units,
        p50=one.p50,
        p95=one.p95,
        p99=one.p99,
    )
