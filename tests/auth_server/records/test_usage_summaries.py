"""Reports summarize usage: calls, errors, latencies and units by tool, tenant, client, person and day."""

import bisect
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.gateway_api.write_calls import write_calls
from auth_server.records.usage.latency import BUCKETS, bucket_of, percentile
from auth_server.records.usage.summary import (
    By,
    Summary,
    UsageFilter,
    summarize_days,
    summarize_total,
    summarize_usage,
)
from auth_server.records.usage.table import BOUNDS
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
    await write(auth_server, duration_ms=30, cost=2)
    await write(auth_server, duration_ms=40, cost=3)
    await write(auth_server, duration_ms=900, **failed)
    await write(auth_server, **refused)
    await write(auth_server, tool="add_task", client_id="cursor", sub="usr_bo", duration_ms=30)
    await write(
        auth_server, NOON + timedelta(days=1), tenant_id="org_globex", sub="usr_gil", cost=8
    )
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
async def test_a_report_shows_each_day_and_the_total_and_test_keys_apart(used: AuthServer) -> None:
    test_keys = UsageFilter(MONTH.since, MONTH.until, env="test")
    async with used.opened.database.reading() as db:
        days = await summarize_days(db, MONTH)
        total = await summarize_total(db, MONTH)
        tested = await summarize_total(db, test_keys)
        [first, *rest] = await summarize_usage(db, "tenant", MONTH, order="units", most=1)
        nothing = await summarize_total(db, UsageFilter(MONTH.since, MONTH.since))

    assert [(one.key, one.calls) for one in days] == [("2026-11-10", 5), ("2026-11-11", 1)]
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
