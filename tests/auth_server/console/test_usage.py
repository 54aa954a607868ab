"""Operators see how much is called, by whom, how fast, and what fails."""

import csv
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest

from auth_server.gateway_api.write_calls import write_calls
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import AuthServer
from support.in_process.call_events import call_event

FAILED: dict[str, Any] = {
    "outcome": "error",
    "decision": "failed",
    "reason": "upstream_status",
    "status": 503,
    "cost": 0,
}


async def write(server: AuthServer, *, ago: timedelta = timedelta(0), **members: Any) -> str:
    """Write a call, and return its id."""
    event = call_event(server.clock() - ago, **members)
    async with server.opened.transaction() as db:
        await write_calls(db, [event], now=server.clock())
    return event.call_id


@pytest.mark.both_databases
async def test_a_program_reads_the_traffic_of_a_day_and_of_a_month(
    auth_server: AuthServer,
) -> None:
    for number in range(3):
        await write(auth_server, ago=timedelta(hours=number), duration_ms=30)
    await write(auth_server, tool="broken", tenant_id="org_globex", duration_ms=900, **FAILED)
    await write(auth_server, ago=timedelta(days=6), cost=5)
    await write(auth_server, ago=timedelta(days=40))
    api = await admin_api(auth_server, ["usage:read"])

    day = (await api.call("GET", "/overview")).json()
    month = (await api.call("GET", "/overview", params={"days": 30})).json()

    assert (day["total"]["calls"], day["total"]["errors"]) == (4, 1)
    assert [point["calls"] for point in day["points"]][-3:] == [1, 1, 2]
    assert len(day["points"]) == 24
    assert 25 < day["total"]["p50"] <= 50
    assert [row["key"] for row in day["tools"]] == ["list_tasks", "broken"]
    assert {row["key"]: row["name"] for row in day["tenants"]} == {
        "org_acme": "Acme",
        "org_globex": "Globex",
    }
    assert (len(month["points"]), month["total"]["calls"]) == (30, 5)
    assert sum(point["calls"] for point in month["points"]) == 5
    by_units = await api.call("GET", "/usage", params={"by": "tenant", "order": "units", "days": 7})
    assert [(row["key"], row["units"]) for row in by_units.json()] == [
        ("org_acme", 8),
        ("org_globex", 0),
    ]
    assert (await api.call("GET", "/usage", params={"by": "colour"})).status_code == 422


async def test_an_operator_sees_what_fails_and_opens_the_call(sqlite_server: AuthServer) -> None:
    call_id = await write(sqlite_server, tool="broken", **FAILED)
    sqlite_server.clock.advance(seconds=1)
    op = sqlite_server.person("op@orbit.example")

    page = await op.sign_in(await op.open("/console"))

    assert "The API answered with an error (503)" in page.text
    assert f"/console/call?call={call_id}" in page.html
    assert "100.0%" in page.text
    month = await op.open("/console/usage?by=tool&days=30")
    assert "broken" in month.text


async def test_an_operator_sorts_the_people_and_downloads_them(sqlite_server: AuthServer) -> None:
    for _ in range(3):
        await write(sqlite_server)
    await write(sqlite_server, sub="usr_bo", **FAILED)
    op = sqlite_server.person("op@orbit.example")
    await op.sign_in(await op.open("/console"))

    by_calls = await op.open("/console/usage?by=person")
    by_errors = await op.open("/console/usage?by=person&order=errors")
    answer = await op.http.get("/console/usage/export?by=person&order=errors")

    assert by_calls.html.index("usr_ada") < by_calls.html.index("usr_bo")
    assert by_errors.html.index("usr_bo") < by_errors.html.index("usr_ada")
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [(row["name"], row["calls"]) for row in rows] == [("Bo Lind", "1"), ("Ada Marsh", "3")]


async def test_an_operator_sorts_by_the_slowest_and_is_told_what_does_not_exist(
    sqlite_server: AuthServer,
) -> None:
    await write(sqlite_server, tool="quick", duration_ms=3)
    await write(sqlite_server, tool="quick", duration_ms=3)
    await write(sqlite_server, tool="slow", duration_ms=900)
    op = sqlite_server.person("op@orbit.example")
    await op.sign_in(await op.open("/console"))

    by_calls = await op.open("/console/usage?days=7")
    by_p95 = await op.open("/console/usage?days=7&order=p95")
    refused = {
        query: await op.open(f"/console/usage?{query}")
        for query in ("order=p51", "by=colour", "days=365")
    }

    assert "order=p95" in by_calls.html
    assert by_calls.html.index("quick") < by_calls.html.index("slow")
    assert by_p95.html.index("slow") < by_p95.html.index("quick")
    for query, page in refused.items():
        assert page.status == 400
        assert f"“{query.partition('=')[0]}” in the address must be" in page.text
    assert (await op.open("/console?days=2")).status == 400


async def test_nobody_else_sees_the_traffic(sqlite_server: AuthServer) -> None:
    await write(sqlite_server)
    api = await admin_api(sqlite_server, ["calls:read"])
    for path in ("/overview", "/usage?by=tool"):
        assert (await api.call("GET", path)).status_code == 403
    ada = sqlite_server.person("ada@acme.example")
    await ada.sign_in(await ada.open("/console"))
    for path in ("/console", "/console/usage", "/console/usage/export"):
        answer = await ada.http.get(path)
        assert answer.status_code == 403
        assert "list_tasks" not in answer.text
