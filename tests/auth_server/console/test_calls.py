"""Operators search the call log and read what happened to one call."""

import ast
import csv
import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import mcp_gateway
from auth_server.administration.calls import CallQuery, read_calls
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.reasons import REASONS
from auth_server.entitlements.api_key import name_api_key
from auth_server.gateway_api.write_calls import write_calls
from auth_server.records.call_log.search import CallFilter, CallPlace, search_calls
from auth_server.records.catalogues.store import keep_catalogue
from gatepost.api_keys import make_api_key
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import CATALOGUE, RESOURCE, AuthServer, running_auth_server
from support.in_process.call_events import call_event
from support.in_process.clock import Clock
from support.in_process.grants import connect_without_pages
from support.in_process.operator import add
from support.in_process.person import Page, Person

OP = "op@orbit.example"
REFUSED: dict[str, Any] = {
    "decision": "refused",
    "outcome": "refused",
    "cost": 0,
    "status": None,
}


async def at_the_console(server: AuthServer, page: str, email: str = OP) -> tuple[Person, Page]:
    """Sign a person in on their way to a page of the console."""
    person = server.person(email)
    return person, await person.sign_in(await person.open(page))


async def write(server: AuthServer, **members: Any) -> str:
    """Write a call that began a second after the one before, and return its id."""
    server.clock.advance(seconds=1)
    event = call_event(server.clock(), **members)
    async with server.opened.transaction() as db:
        await write_calls(db, [event], now=server.clock())
    return event.call_id


async def test_an_operator_finds_a_refused_call_and_reads_why(
    sqlite_server: AuthServer, read_token: Any
) -> None:
    client = await sqlite_server.client(client_name="Claude")
    tokens = await connect_without_pages(sqlite_server, client)
    claims = await read_token(sqlite_server, tokens["access_token"])
    same = {"grant_id": claims["grant_id"], "client_id": client.client_id}
    await write(sqlite_server, **same)
    refused = await write(
        sqlite_server, **same, **REFUSED, reason="quota_exhausted", error="The quota is used up."
    )

    op, page = await at_the_console(sqlite_server, "/console/calls?outcome=refused")

    assert "The quota or budget is used up" in page.text
    assert page.html.count("/console/call?") == 1
    story = await op.open(f"/console/call?call={refused}")
    assert "Ada" in story.text
    assert "allowed this app on" in story.text
    assert "Nothing was sent to the API." in story.text
    assert "quota_exhausted" in story.text
    assert "The call cost nothing." in story.text
    german = await op.http.get(f"/console/call?call={refused}", headers={"accept-language": "de"})
    assert "Das Kontingent oder Budget ist aufgebraucht" in german.text
    assert (await op.open("/console/call?call=none")).status == 404


async def test_calls_of_one_of_several_apis_are_found_and_name_it(
    sqlite_server: AuthServer,
) -> None:
    paid = await write(sqlite_server, tool="billing_pay", api="billing")
    await write(sqlite_server, tool="orbit_list", api="orbit")

    op, page = await at_the_console(sqlite_server, "/console/calls?api=billing")

    assert "billing_pay billing" in page.text
    assert "orbit_list" not in page.text
    assert "Request to the API billing" in (await op.open(f"/console/call?call={paid}")).text
    exported = await op.http.get("/console/calls/export?format=csv&api=billing")
    head, *rows = exported.text.splitlines()
    assert len(rows) == 1
    assert dict(zip(head.split(","), rows[0].split(","), strict=True))["api"] == "billing"


async def test_a_call_by_an_api_key_shows_whose_key_it_was_and_that_its_toolset_has_the_tool(
    sqlite_server: AuthServer,
) -> None:
    key = make_api_key("live", bytes(32))
    new = {"key": key.text, "label": "Nightly report", "person": "usr_ada", "tenant": "org_acme"}
    allowed = {"resource": RESOURCE, "scope": "mcp:read", "tools": ["@read"]}
    await add(sqlite_server, api_keys=[{**new, **allowed}])
    async with sqlite_server.opened.transaction() as db:
        await keep_catalogue(db, CATALOGUE, now=sqlite_server.clock())
    by_key = {"grant_id": name_api_key(key), "client_id": RESOURCE}
    reading = await write(sqlite_server, **by_key, tool="list_projects", meter="calls")
    writing = await write(sqlite_server, **by_key, **REFUSED, tool="create_task")

    op, page = await at_the_console(sqlite_server, "/console/calls")

    assert page.text.count("API keys") == 2
    story = await op.open(f"/console/call?call={reading}")
    assert "made with the key “Nightly report” of Ada Marsh" in story.text
    assert "This tool included" in story.text
    assert "1 unit of calls" in story.text
    refused = await op.open(f"/console/call?call={writing}")
    assert "This tool not included" in refused.text
    usage = await op.open("/console/usage?by=client")
    assert f"API keys {RESOURCE}" in usage.text
    ada = sqlite_server.person("ada@acme.example")
    plan = await ada.sign_in(await ada.open("/account/plan?tenant=org_acme"))
    assert f"API keys {RESOURCE}" in plan.text


async def test_a_traced_call_leads_to_its_trace(sqlite_url: str, clock: Clock) -> None:
    url = "https://traces.example/trace/{trace_id}"
    async with running_auth_server(sqlite_url, clock, trace_url=url) as server:
        traced, other = await write(server, trace_id="4b" * 16), await write(server)
        op, _ = await at_the_console(server, "/console/calls")

        story = await op.open(f"/console/call?call={traced}")
        assert f'href="https://traces.example/trace/{"4b" * 16}"' in story.html
        assert "traces.example" not in (await op.open(f"/console/call?call={other}")).html
    with pytest.raises(ValidationError, match="that contains"):
        server.settings.model_validate(
            {**server.settings.model_dump(), "trace_url": "javascript:{trace_id}"}
        )


@pytest.mark.both_databases
async def test_the_pages_of_a_search_show_every_call_once_the_newest_first(
    auth_server: AuthServer,
) -> None:
    api = await admin_api(auth_server)
    at = auth_server.clock()
    # Several calls began at the same moment.
    events = [
        call_event(at + timedelta(seconds=number // 3), tool=f"tool_{number % 2}")
        for number in range(20)
    ]
    async with auth_server.opened.transaction() as db:
        await write_calls(db, events, now=at)
    auth_server.clock.advance(minutes=5)

    async def walk(**params: Any) -> list[str]:
        seen, after = [], ""
        while True:
            answer = await api.call("GET", "/calls", params={"limit": 3, "after": after, **params})
            seen += [call["call_id"] for call in answer.json()["items"]]
            after = answer.json()["next"]
            if after is None:
                return seen

    newest = sorted(events, key=lambda event: (event.at, event.call_id), reverse=True)
    assert await walk() == [event.call_id for event in newest]
    assert await walk(tool="tool_1") == [
        event.call_id for event in newest if event.tool == "tool_1"
    ]
    assert await walk(tenant="org_acme", outcome="success", person="ada@acme.example") == [
        event.call_id for event in newest
    ]
    assert await walk(tenant="org_globex") == []
    since = (at + timedelta(seconds=5)).isoformat()
    assert await walk(since=since) == [
        event.call_id for event in newest if event.at >= at + timedelta(seconds=5)
    ]
    refused = await api.call("GET", "/calls", params={"after": "yesterday"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "after")


async def test_a_search_for_something_rare_reads_a_bounded_number_of_calls(
    sqlite_server: AuthServer,
) -> None:
    rare = await write(sqlite_server, tool="rare")
    for _ in range(9):
        await write(sqlite_server)
    begin = sqlite_server.clock() - timedelta(days=1)

    async with sqlite_server.opened.database.reading() as db:

        async def search(before: CallPlace) -> Any:
            wanted = CallFilter(tool="rare")
            return await search_calls(db, wanted, since=begin, before=before, most=5, most_read=4)

        place, turns = CallPlace(sqlite_server.clock(), "~"), 0
        found = await search(place)
        while found.is_partial:
            assert not found.calls
            turns += 1
            found = await search(found.next)

    assert turns == 2
    assert [call.call_id for call in found.calls] == [rare]


async def test_a_download_holds_every_call_that_matches_and_runs_no_formula(
    sqlite_server: AuthServer,
) -> None:
    for number in range(3):
        await write(sqlite_server, tool=f"=cmd|{number}")
    await write(sqlite_server, tool="other", tenant_id="org_globex")
    op, _ = await at_the_console(sqlite_server, "/console/calls")

    as_csv = await op.http.get("/console/calls/export?tenant=org_acme&format=csv")
    as_lines = await op.http.get("/console/calls/export?tenant=org_acme&format=ndjson")

    rows = list(csv.DictReader(StringIO(as_csv.text)))
    assert [row["tool"] for row in rows] == ["'=cmd|2", "'=cmd|1", "'=cmd|0"]
    assert as_csv.headers["content-disposition"] == 'attachment; filename="calls.csv"'
    lines = [json.loads(line) for line in as_lines.text.splitlines()]
    assert [line["call_id"] for line in lines] == [row["call_id"] for row in rows]
    api = await admin_api(sqlite_server, ["calls:read"])
    same = await api.call("GET", "/calls/export", params={"tenant": "org_acme"})
    assert same.text == as_lines.text


async def test_a_call_shows_what_it_added_to_the_ledger_and_no_argument(
    sqlite_server: AuthServer,
) -> None:
    call_id = await write(sqlite_server, cost=7, meter="calls")
    api = await admin_api(sqlite_server, ["calls:read"])

    story = (await api.call("GET", f"/calls/{call_id}")).json()

    assert (story["ledger"]["units"], story["ledger"]["meter"]) == (7, "calls")
    assert story["call"]["outcome"] == "success"
    assert story["access"] is None
    assert "arguments" not in story["call"]


async def test_only_an_operator_or_a_token_with_the_scope_reads_calls(
    sqlite_server: AuthServer,
) -> None:
    call_id = await write(sqlite_server)
    api = await admin_api(sqlite_server, ["tenants:read"])
    for path in ("/calls", f"/calls/{call_id}", "/calls/export"):
        assert (await api.call("GET", path)).status_code == 403
    ada = sqlite_server.person("ada@acme.example")
    await ada.sign_in(await ada.open("/console/calls"))
    for path in ("/console/calls", f"/console/call?call={call_id}", "/console/calls/export"):
        answer = await ada.http.get(path)
        assert answer.status_code == 403
        assert call_id not in answer.text


def test_every_reason_that_the_gateway_gives_has_words() -> None:
    given = set()
    for path in Path(mcp_gateway.__file__).parent.rglob("*.py"):
        if path.parts[-2] in ("commands", "revocations", "limits"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", "")
                if name == "tool_error":
                    given |= {w.value for w in node.keywords if w.arg == "reason"}
                elif name == "RequestFailed":
                    given.add(node.args[0])
            elif isinstance(node, ast.ClassDef) and "reason" in ast.dump(node):
                given |= {
                    one.value
                    for one in node.body
                    if isinstance(one, ast.Assign) and getattr(one.targets[0], "id", "") == "reason"
                }
    texts = {node.value for node in given if isinstance(node, ast.Constant)}
    assert len(texts) > 20
    assert texts <= set(REASONS) | {""}


async def test_a_person_of_another_system_whose_id_looks_like_an_address_is_found(
    sqlite_server: AuthServer,
) -> None:
    call_id = await write(sqlite_server, sub="svc@other.example")
    async with sqlite_server.opened.database.reading() as db:
        query = CallQuery(person="svc@other.example")
        page = await read_calls(db, COMMAND_LINE, query, limit=5, now=sqlite_server.clock())
    assert [call.call_id for call in page.rows] == [call_id]
