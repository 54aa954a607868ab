"""Operators see which tenants need a larger plan."""

import csv
from datetime import timedelta
from io import StringIO

import pytest

from auth_server.gateway_api.write_calls import write_calls
from auth_server.metering.notice_quotas import notice_quotas
from auth_server.records.plan_requests.store import put_request
from auth_server.records.tenants.store import change_budgets, change_plan, lock_tenant
from gatepost.metering.plans import Budget
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import AuthServer
from support.in_process.call_events import call_event


async def use_up(server: AuthServer) -> None:
    """Have Acme, on Free with 100 units a day, use 90 of them, and Ada 90 of her budget of 95."""
    now = server.clock()
    async with server.opened.transaction() as db:
        acme = await lock_tenant(db, "org_acme")
        assert acme is not None
        change_plan(acme, "free", now=now)
        budgets = [
            Budget(kind="person", key="usr_ada", monthly_units=95),
            Budget(kind="tenant", key="", monthly_units=1000),
        ]
        change_budgets(acme, budgets, now=now)
        await write_calls(db, [call_event(now, cost=90)], now=now)
        await put_request(db, "org_acme", "usr_ada", now=now)
    await notice_quotas(server.opened.database, now)


@pytest.mark.both_databases
async def test_a_program_reads_who_is_near_a_limit_until_the_limit_is_raised(
    auth_server: AuthServer,
) -> None:
    await use_up(auth_server)
    api = await admin_api(auth_server, ["usage:read"], lifetime=timedelta(days=90))

    near = (await api.call("GET", "/limits")).json()

    assert [(one["kind"], one["key"], one["used"], one["limit"]) for one in near] == [
        ("person", "usr_ada", 90, 95),
        ("day", "", 90, 100),
    ]
    assert {(one["tenant_name"], one["requests"]) for one in near} == {("Acme", 1)}

    async with auth_server.opened.transaction() as db:
        acme = await lock_tenant(db, "org_acme")
        assert acme is not None
        change_plan(acme, "pro", now=auth_server.clock())
    near = (await api.call("GET", "/limits")).json()
    assert [one["kind"] for one in near] == ["person"]
    auth_server.clock.advance(days=40)
    assert (await api.call("GET", "/limits")).json() == []


async def test_an_operator_downloads_the_leads(sqlite_server: AuthServer) -> None:
    await use_up(sqlite_server)
    op = sqlite_server.person("op@orbit.example")
    page = await op.sign_in(await op.open("/console/limits"))
    assert "90 of 100 units" in page.text
    assert "Daily quota" in page.text
    overview = await op.open("/console")
    assert "90%" in overview.text

    answer = await op.http.get("/console/limits/export")

    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [(row["tenant_name"], row["percent"]) for row in rows] == [
        ("Acme", "94"),
        ("Acme", "90"),
    ]


async def test_nobody_else_sees_the_leads(sqlite_server: AuthServer) -> None:
    await use_up(sqlite_server)
    api = await admin_api(sqlite_server, ["calls:read"])
    assert (await api.call("GET", "/limits")).status_code == 403
    ada = sqlite_server.person("ada@acme.example")
    await ada.sign_in(await ada.open("/console/limits"))
    for path in ("/console/limits", "/console/limits/export"):
        answer = await ada.http.get(path)
        assert answer.status_code == 403
        assert "Daily quota" not in answer.text
