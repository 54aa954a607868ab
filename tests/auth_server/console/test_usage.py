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


async def write_both(server: AuthServer) -> None:
    """Write calls of two APIs and one of a tool that does not exist."""
    for number in range(3):
        await write(server, tool="list_tasks", api="orbit", cost=2, ago=timedelta(days=number))
    await write(server, tool="list_invoices", api="invoicing", sub="usr_bo", duration_ms=900)
    await write(server, tool="pay_invoice", api="invoicing", **FAILED)
    await write(server, tool="invented", outcome="refused", cost=0)


@pytest.mark.both_databases
async def test_a_program_reads_the_usage_of_each_api_and_filters_by_one(
    auth_server: AuthServer,
) -> None:
    await write_both(auth_server)
    api = await admin_api(auth_server, ["usage:read"])

    for days, calls, units in ((1, 1, 2), (7, 3, 6)):
        found = (await api.call("GET", "/usage", params={"by": "api", "days": days})).json()
        rows = {row["key"]: row for row in found}
        assert (rows["orbit"]["calls"], rows["orbit"]["units"]) == (calls, units)
        assert (rows["invoicing"]["calls"], rows["invoicing"]["errors"]) == (2, 1)
        assert (rows[""]["calls"], rows[""]["refused"], rows[""]["name"]) == (1, 1, "")
        overview = (await api.call("GET", "/overview", params={"days": days})).json()
        assert {row["key"] for row in overview["apis"]} == {"orbit", "invoicing", ""}
        assert sum(row["calls"] for row in found) == overview["total"]["calls"]
        for by, keys in (
            ("tool", {"list_invoices", "pay_invoice"}),
            ("person", {"usr_ada", "usr_bo"}),
        ):
            one = {"by": by, "days": days, "api": "invoicing"}
            listed = (await api.call("GET", "/usage", params=one)).json()
            assert {row["key"] for row in listed} == keys
    of_acme = (await api.call("GET", "/tenants/org_acme/usage", params={"api": "invoicing"})).json()
    assert [row["key"] for row in of_acme["apis"]] == ["orbit", "invoicing", ""]
    assert [row["key"] for row in of_acme["tools"]] == ["list_invoices", "pay_invoice"]
    slowest = {"by": "api", "days": 7, "order": "p95"}
    assert (await api.call("GET", "/usage", params=slowest)).json()[0]["key"] == "invoicing"
    assert (await api.call("GET", "/usage?by=tool&api=none")).json() == []
    assert (await api.call("GET", f"/usage?by=tool&api={'x' * 33}")).status_code == 422


async def test_an_operator_divides_the_usage_by_api_and_downloads_one_of_them(
    sqlite_server: AuthServer,
) -> None:
    await write_both(sqlite_server)
    op = sqlite_server.person("op@orbit.example")
    overview = await op.sign_in(await op.open("/console"))

    apis = await op.open("/console/usage?by=api&days=7")
    invoicing = await op.open("/console/usage?by=tool&order=calls&days=7&api=invoicing")
    answer = await op.http.get("/console/usage/export?by=tool&days=7&api=invoicing")

    assert "/console/usage?by=api&amp;days=1" in overview.html
    assert "orbit 3" in " ".join(apis.text.split())
    assert "Without an API 1" in " ".join(apis.text.split())
    assert "/console/calls?api=invoicing" in apis.html
    assert "All APIs" in invoicing.text
    assert "list_tasks" not in invoicing.text
    assert "/console/calls?api=invoicing&amp;tool=pay_invoice" in invoicing.html
    assert "order=units&amp;days=7&amp;api=invoicing" in invoicing.html
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [row["key"] for row in rows] == ["list_invoices", "pay_invoice"]


@pytest.mark.parametrize("api", ["", "orbit"])
async def test_with_a_single_api_the_pages_say_nothing_of_apis(
    sqlite_server: AuthServer, api: str
) -> None:
    await write(sqlite_server, api=api)
    await write(sqlite_server, tool="invented", outcome="refused", cost=0)
    op = sqlite_server.person("op@orbit.example")
    pages = [await op.sign_in(await op.open("/console"))]
    pages += [await op.open(f"/console/usage?by={by}") for by in ("tool", "person")]

    for page in pages:
        assert "list_tasks" in page.text or "Ada" in page.text
        assert "APIs" not in page.text
        assert "by=api" not in page.html


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
