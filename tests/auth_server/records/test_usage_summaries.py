"""Reports summarize usage: calls, errors, latencies and units by tool, tenant, client, person and day."""

import bisect
import math
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import col, delete, select, update

from auth_server.db.engine import DbSession
from auth_server.gateway_api.write_calls import write_calls
from auth_server.records.usage.days import day_rows, find_wrong_days, rebuild_day
from auth_server.records.usage.latency import BUCKETS, bucket_of, percentile
from auth_server.records.usage.store import usage_rows
from auth_server.records.usage.summary import (
    By,
    Order,
    Summary,
    UsageFilter,
    count_days,
    list_apis,
    summarize_total,
    summarize_usage,
)
from auth_server.records.usage.table import BOUNDS, UsageDay
from gatepost.metering.call_event import CallEvent
from support.in_process.auth_server import AuthServer
from support.in_process.call_events import call_event

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
MONTH = UsageFilter(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


def histogram(durations: list[float]) -> list[int]:
    """Count durations as rows of usage do."""
    found = [bucket_of(duration) for duration in durations]
    return [found.count(name) for name in BUCKETS]


@given(
    st.lists(st.floats(min_value=0, max_value=100_000), min_size=1, max_size=300),
    st.sampled_from([0.01, 0.5, 0.9, 0.95, 0.99, 1.0]),
)
def test_a_percentile_lies_in_the_bucket_of_the_exact_one(
    durations: list[float], share: float
) -> None:
    percents = round(share * 100)
    exact = sorted(durations)[math.ceil(percents * len(durations) / 100) - 1]

    found = percentile(histogram(durations), share)

    place = bisect.bisect_left(BOUNDS, exact)
    lower = BOUNDS[place - 1] if place else 0
    upper = BOUNDS[place] if place < len(BOUNDS) else BOUNDS[-1]
    assert found is not None
    assert lower <= found <= upper
    assert found <= (percentile(histogram(durations), 1.0) or 0)


def test_a_percentile_of_no_calls_is_unknown() -> None:
    assert percentile([0] * len(BUCKETS), 0.95) is None


async def write(server: AuthServer, at: datetime = NOON, **members: Any) -> None:
    """Write a call."""
    async with server.opened.transaction() as db:
        await write_calls(db, [call_event(at, **members)], now=server.clock())


async def by(server: AuthServer, key: By, wanted: UsageFilter = MONTH) -> dict[str, Summary]:
    """Summarize, by key."""
    async with server.opened.database.reading() as db:
        return {one.key: one for one in await summarize_usage(db, key, wanted)}


@pytest.fixture
async def used(auth_server: AuthServer) -> AuthServer:
    """A server with some calls of two tenants."""
    failed: dict[str, Any] = {"outcome": "error", "cost": 0, "decision": "failed"}
    refused: dict[str, Any] = {
        "outcome": "refused",
        "cost": 0,
        "decision": "refused",
        "duration_ms": 0.2,
    }
    await write(auth_server, duration_ms=30, cost=2, api="invoicing")
    await write(auth_server, duration_ms=40, cost=3)
    await write(auth_server, duration_ms=900, api="orbit", **failed)
    await write(auth_server, **refused)
    await write(auth_server, tool="add_task", client_id="cursor", sub="usr_bo", duration_ms=30)
    next_day, other = NOON + timedelta(days=1), {"tenant_id": "org_globex", "sub": "usr_gil"}
    await write(auth_server, next_day, cost=8, api="orbit", **other)
    await write(auth_server, env="test", cost=50)
    await write(auth_server, NOON + timedelta(days=30))
    return auth_server


@pytest.mark.anyio
@pytest.mark.both_databases
async def test_a_report_counts_calls_errors_refusals_and_units_of_each_tool(
    used: AuthServer,
) -> None:
    tools = await by(used, "tool")

    listed = tools["list_tasks"]
    assert (listed.calls, listed.errors, listed.refused, listed.units) == (5, 1, 1, 13)
    assert (tools["add_task"].calls, tools["add_task"].units) == (1, 1)
    assert list(tools) == ["list_tasks", "add_task"]
    # The refused call, which took no time, is not in the percentiles.
    assert listed.p50 is not None
    assert 25 < listed.p50 <= 50
    assert listed.p99 is not None
    assert 500 < listed.p99 <= 1000


@pytest.mark.anyio
@pytest.mark.both_databases
async def test_a_report_is_about_one_tenant_or_all(used: AuthServer) -> None:
    acme = UsageFilter(MONTH.since, MONTH.until, "org_acme")

    tenants, people = await by(used, "tenant"), await by(used, "person")
    clients, own = await by(used, "client", acme), await by(used, "person", acme)

    assert {key: one.units for key, one in tenants.items()} == {"org_acme": 6, "org_globex": 8}
    assert set(people) == {"usr_ada", "usr_bo", "usr_gil"}
    assert {key: one.calls for key, one in clients.items()} == {"client_claude": 4, "cursor": 1}
    assert set(own) == {"usr_ada", "usr_bo"}


@pytest.mark.anyio
@pytest.mark.both_databases
async def test_a_report_shows_the_total_and_test_keys_apart(used: AuthServer) -> None:
    test_keys = UsageFilter(MONTH.since, MONTH.until, env="test")
    async with used.opened.database.reading() as db:
        total = await summarize_total(db, MONTH)
        tested = await summarize_total(db, test_keys)
        [first, *rest] = await summarize_usage(db, "tenant", MONTH, order="units", most=1)
        nothing = await summarize_total(db, UsageFilter(MONTH.since, MONTH.since))

    assert (total.key, total.calls, total.units) == ("", 6, 14)
    assert (tested.calls, tested.units) == (1, 50)
    assert (first.key, rest) == ("org_globex", [])
    assert (nothing.calls, nothing.p50) == (0, None)


@pytest.mark.anyio
@pytest.mark.both_databases
async def test_a_call_whose_result_came_late_is_counted_once(auth_server: AuthServer) -> None:
    await write(auth_server, call_id="late", outcome="unknown", cost=0, tool="")
    await write(auth_server, call_id="late")

    tools = await by(auth_server, "tool")

    assert {key: (one.calls, one.unknown) for key, one in tools.items()} == {"list_tasks": (1, 0)}


def sums(rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], Counter[str]]:
    """Add rows of hours up to what the days must be."""
    found: dict[tuple[Any, ...], Counter[str]] = {}
    for row in rows:
        kinds = {
            "total": "",
            "tool": row["tool"],
            "tenant": row["tenant_id"],
            "client": row["client_id"],
            "person": row["sub"],
        }
        if api := row["api"]:
            kinds |= {f"api_{kind}": f"{api}/{key}" for kind, key in kinds.items() if key}
            kinds["api"] = api
        outcome = row["outcome"]
        for kind, key in kinds.items():
            sum_ = found.setdefault((row["env"], kind, row["hour"].date(), key), Counter())
            for name in ("calls", "units", *(BUCKETS if outcome != "refused" else ())):
                sum_[name] += row[name]
            if outcome != "success":
                sum_["errors" if outcome == "error" else outcome] += row["calls"]
    return found


CALLS = st.lists(
    st.builds(
        call_event,
        st.datetimes(datetime(2026, 11, 1), datetime(2026, 11, 3), timezones=st.just(UTC)),
        tenant_id=st.sampled_from(["org_acme", "org_globex"]),
        env=st.sampled_from(["live", "test"]),
        tool=st.sampled_from(["list_tasks", "add_task"]),
        api=st.sampled_from(["", "orbit", "invoicing"]),
        sub=st.sampled_from(["usr_ada", "usr_bo"]),
        outcome=st.sampled_from(["success", "error", "refused", "unknown"]),
        cost=st.integers(0, 9),
        duration_ms=st.floats(0, 90_000),
    ),
    max_size=20,
)


@given(CALLS, CALLS, st.randoms(use_true_random=False))
def test_days_are_the_sum_of_their_hours_in_one_order(
    new: list[CallEvent], replaced: list[CallEvent], chance: random.Random
) -> None:
    days = day_rows(new, instead_of=replaced)

    key = ("env", "kind", "day", "key")
    numbers = {
        tuple(row[name] for name in key): {
            name: amount for name, amount in row.items() if name not in key and amount
        }
        for row in days
    }
    hours = sums(usage_rows(new, instead_of=replaced))
    assert numbers == {
        where: {name: amount for name, amount in sum_.items() if amount}
        for where, sum_ in hours.items()
    }
    # Two gateways that deliver at once change the same rows in the same order.
    chance.shuffle(new)
    assert day_rows(new, instead_of=replaced) == days == sorted(days, key=itemgetter(*key))


@pytest.mark.anyio
@pytest.mark.both_databases
@pytest.mark.parametrize("order", get_args(Order))
async def test_a_report_of_whole_days_equals_one_of_their_hours(
    used: AuthServer, order: Order
) -> None:
    async with used.opened.database.reading() as db:
        for api in ("", "orbit", "invoicing"):
            month = replace(MONTH, api=api)
            by_hour = replace(month, since=MONTH.since + timedelta(hours=1))
            for key in get_args(By):
                days = await summarize_usage(db, key, month, order=order)
                assert days == await summarize_usage(db, key, by_hour, order=order)
                assert days
            assert await summarize_total(db, month) == await summarize_total(db, by_hour)
        counted = await count_days(db, MONTH)
    assert {at.day: counts.calls for at, counts in counted.items()} == {10: 5, 11: 1}


@pytest.mark.anyio
@pytest.mark.both_databases
async def test_the_apis_have_all_calls_together_and_each_filters_the_others(
    used: AuthServer,
) -> None:
    await write(used, tool="nonsense", outcome="refused", cost=0, sub="usr_bo")

    apis, tools = await by(used, "api"), await by(used, "tool", replace(MONTH, api="orbit"))
    people = await by(used, "person", replace(MONTH, api="invoicing"))
    acme = await by(used, "api", replace(MONTH, tenant_id="org_acme"))
    async with used.opened.database.reading() as db:
        total = await summarize_total(db, MONTH)
        assert await list_apis(db, MONTH) == ["invoicing", "orbit"]
        assert await summarize_usage(db, "tool", replace(MONTH, api="orbi_")) == []

    counts = {key: (one.calls, one.errors, one.refused, one.units) for key, one in apis.items()}
    assert counts == {"": (4, 0, 2, 4), "orbit": (2, 1, 0, 8), "invoicing": (1, 0, 0, 2)}
    assert (total.calls, total.units) == (7, 14)
    assert apis["orbit"].p99 == tools["list_tasks"].p99
    assert {key: one.calls for key, one in tools.items()} == {"list_tasks": 2}
    assert {key: one.units for key, one in people.items()} == {"usr_ada": 2}
    assert {key: one.calls for key, one in acme.items()} == {"": 4, "orbit": 1, "invoicing": 1}


@pytest.mark.anyio
@pytest.mark.both_databases
async def test_a_month_without_calls_lists_no_api(auth_server: AuthServer) -> None:
    assert await by(auth_server, "api") == {}


@pytest.mark.anyio
async def test_the_slowest_come_first(sqlite_server: AuthServer) -> None:
    for tool, milliseconds in (("quick", 3), ("slow", 700), ("medium", 60)):
        await write(sqlite_server, tool=tool, duration_ms=milliseconds)
    await write(sqlite_server, tool="refused", outcome="refused", duration_ms=9000, cost=0)

    async with sqlite_server.opened.database.reading() as db:
        found = await summarize_usage(db, "tool", MONTH, order="p95", most=3)

    assert [one.key for one in found] == ["slow", "medium", "quick"]


@pytest.mark.anyio
@pytest.mark.both_databases
async def test_days_that_an_older_version_left_out_are_added_up_again(used: AuthServer) -> None:
    """Its worker went on for a while after the upgrade had made the days."""
    await write(used, call_id="late", outcome="unknown", cost=0, sub="usr_" + "x" * 900)
    await write(used, call_id="late", sub="usr_" + "x" * 900)
    database = used.opened.database
    async with database.writing() as db, db.begin():
        before = await read_days(db)
        await db.execute(delete(UsageDay).where(col(UsageDay.kind) == "tool"))
        await db.execute(update(UsageDay).values(calls=9))

    until = datetime(2027, 1, 1, tzinfo=UTC)
    async with database.writing() as db, db.begin():
        wrong = await find_wrong_days(db, since=MONTH.since, until=until)
        for day in wrong:
            await rebuild_day(db, day)

    assert [day.day for day in wrong] == [10, 11, 10]
    async with database.reading() as db:
        assert await find_wrong_days(db, since=MONTH.since, until=until) == []
        assert await read_days(db) == before


@pytest.mark.anyio
@pytest.mark.both_databases
@pytest.mark.parametrize("kind", ["api", "api_tool", "api_person"])
async def test_days_whose_apis_are_wrong_are_added_up_again(used: AuthServer, kind: str) -> None:
    await write(used, sub="usr_" + "x" * 900, api="orbit")
    database = used.opened.database
    async with database.writing() as db, db.begin():
        before = await read_days(db)
        await db.execute(delete(UsageDay).where(col(UsageDay.kind) == kind))

    async with database.writing() as db, db.begin():
        wrong = await find_wrong_days(db, since=MONTH.since, until=MONTH.until)
        for day in wrong:
            await rebuild_day(db, day)

    assert [day.day for day in wrong] == [10, 11]
    async with database.reading() as db:
        assert await find_wrong_days(db, since=MONTH.since, until=MONTH.until) == []
        assert await read_days(db) == before


async def read_days(db: DbSession) -> list[dict[str, Any]]:
    """Read the whole table, in the order of its key."""
    rows = (await db.execute(select(UsageDay))).scalars().all()
    return sorted((row.model_dump() for row in rows), key=itemgetter("env", "kind", "day", "key"))
