"""Operators and tenants hear when a quota or a budget is nearly or wholly used."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from auth_server.gateway_api.write_calls import write_calls
from auth_server.metering.notice_quotas import notice_quotas
from auth_server.records.quota_notices.store import list_notices
from auth_server.records.tenants.store import change_budgets, change_plan, lock_tenant
from gatepost.metering.plans import Budget, day_of, end_of_month, month_of, start_of_month
from support.in_process.auth_server import AuthServer
from support.in_process.call_events import call_event

pytestmark = [pytest.mark.anyio, pytest.mark.both_databases]


async def call(server: AuthServer, units: int) -> None:
    """Make one call of Ada's that costs units."""
    async with server.opened.transaction() as db:
        event = call_event(server.clock(), cost=units)
        await write_calls(db, [event], now=server.clock())


async def change(server: AuthServer, plan: str, *budgets: Budget) -> None:
    """Give Acme a plan and budgets."""
    async with server.opened.transaction() as db:
        tenant = await lock_tenant(db, "org_acme")
        assert tenant is not None
        change_plan(tenant, plan, now=server.clock())
        change_budgets(tenant, budgets, now=server.clock())


async def notice(server: AuthServer) -> list[tuple[str, str, int]]:
    """Run the job; return what it logged."""
    with capture_logs() as logged:
        await notice_quotas(server.opened.database, server.clock())
    found = [entry for entry in logged if entry["event"] == "quota_reached"]
    assert {entry["tenant_id"] for entry in found} <= {"org_acme"}
    return [(entry["kind"], entry["key"], entry["percent"]) for entry in found]


async def test_each_percentage_is_told_once_a_day(auth_server: AuthServer) -> None:
    await change(auth_server, "free")
    await call(auth_server, 79)
    assert await notice(auth_server) == []

    await call(auth_server, 1)
    assert await notice(auth_server) == [("day", "", 80)]
    await call(auth_server, 30)
    assert await notice(auth_server) == [("day", "", 100)]
    assert await notice(auth_server) == []

    async with auth_server.opened.database.reading() as db:
        stored = await list_notices(db, "org_acme", since=start_of_month(auth_server.clock()))
    today = day_of(auth_server.clock())
    assert [(one.period, one.percent, one.used, one.units_limit) for one in stored] == [
        (today, 80, 80, 100),
        (today, 100, 110, 100),
    ]

    auth_server.clock.advance(days=1)
    await call(auth_server, 85)
    assert await notice(auth_server) == [("day", "", 80)]


async def test_what_is_reached_in_the_last_minute_of_a_month_is_told_too(
    auth_server: AuthServer,
) -> None:
    await change(auth_server, "free", Budget(kind="tenant", key="", monthly_units=100))
    end = end_of_month(auth_server.clock())
    auth_server.clock.advance(seconds=(end - auth_server.clock()).total_seconds() - 10)
    period = day_of(auth_server.clock())
    await call(auth_server, 100)
    auth_server.clock.advance(seconds=40)

    told = await notice(auth_server)

    assert sorted(told) == [
        ("day", "", 80), ("day", "", 100), ("tenant", "", 80), ("tenant", "", 100)
    ]  # fmt: skip
    async with auth_server.opened.database.reading() as db:
        stored = await list_notices(db, "org_acme", since=start_of_month(end - timedelta(days=1)))
    assert {(one.kind, one.period) for one in stored} == {
        ("day", period),
        ("tenant", period[:7]),
    }
    assert await notice(auth_server) == []


async def test_a_soft_budget_tells_whose_it_is_and_tells_again_after_a_raise(
    auth_server: AuthServer,
) -> None:
    ada = Budget(kind="person", key="usr_ada", monthly_units=10, hard=False)
    await change(auth_server, "enterprise", ada)
    await call(auth_server, 10)
    assert await notice(auth_server) == [("person", "usr_ada", 80), ("person", "usr_ada", 100)]

    await change(auth_server, "enterprise", ada.model_copy(update={"monthly_units": 12}))

    assert await notice(auth_server) == [("person", "usr_ada", 80)]
    async with auth_server.opened.database.reading() as db:
        stored = await list_notices(db, "org_acme", since=start_of_month(auth_server.clock()))
    assert {one.period for one in stored} == {month_of(auth_server.clock())}
