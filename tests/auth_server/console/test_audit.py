"""Operators search and export the audit log, and a customer verifies the export."""

import asyncio
import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner, Result

from auth_server.administration.audit.export import open_export
from auth_server.administration.audit.ocsf import CLASSES
from auth_server.administration.audit.words import EVENT_WORDS
from auth_server.administration.operator import COMMAND_LINE
from auth_server.cli import auth_server as command
from auth_server.db.engine import Database
from auth_server.records.audit.search import AuditFilter
from auth_server.records.audit.store import Audit, Event, record
from support.in_process.admin_api import AdminApi, admin_api
from support.in_process.auth_server import RESOURCE, SECRET_KEY, AuthServer
from support.in_process.person import Page, Person
from support.processes.configuration import issuing, write_config


async def at_the_log(server: AuthServer, query: str = "") -> tuple[Person, Page]:
    """Sign an operator in on their way to the audit log."""
    op = server.person("op@orbit.example")
    return op, await op.sign_in(await op.open(f"/console/audit{query}"))


async def leave_entries(server: AuthServer, times: int, **changes: Any) -> None:
    """Append entries of one kind."""
    values = {"event": "signed_out", "person_id": "usr_ada", **changes}
    async with server.opened.transaction() as db:
        for _ in range(times):
            await record(db, Audit(**values), now=server.clock())


async def everything(api: AdminApi, **query: Any) -> list[dict[str, Any]]:
    """Turn all pages of the log."""
    seen, after = [], ""
    while True:
        params = {"after": after, "limit": 7, **query}
        page = (await api.call("GET", "/audit", params=params)).json()
        seen += page["items"]
        if page["next"] is None:
            return seen
        after = page["next"]


def run(*words: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(command, words)


async def test_an_operator_reads_in_words_what_somebody_did_and_narrows_the_search(
    sqlite_server: AuthServer,
) -> None:
    await (await sqlite_server.client()).connect(sqlite_server.person())
    op, page = await at_the_log(sqlite_server)
    assert "App connected" in page.text
    assert "Ada" in page.text

    page = await op.open("/console/audit?person=ada@acme.example&event=signed_in")
    assert "way to sign in password" in page.text
    assert "App connected (" not in page.text
    assert "usr_op" not in page.text
    german = await op.open("/console/audit?ui_locales=de")
    assert "App verbunden" in german.text
    assert "way to sign in" not in german.text
    assert "Nothing matches" in (await op.open("/console/audit?tenant=org_none&ui_locales=en")).text


async def test_a_search_that_makes_no_sense_is_told_why(sqlite_server: AuthServer) -> None:
    op, _ = await at_the_log(sqlite_server)
    # No day follows the last one of the calendar.
    days = ("since=yesterday", "until=2026-02-31", "until=9999-12-31")
    for query in (*days, "after=x", "after=99999999999"):
        page = await op.open(f"/console/audit?{query}")
        assert page.status == 400
        assert "must be" in page.text
    assert (await op.http.get("/console/audit/export?since=never")).status_code == 400


async def test_a_program_that_misspells_an_event_reads_which_name_was_meant(
    sqlite_server: AuthServer,
) -> None:
    api = await admin_api(sqlite_server, ["audit:read"])
    for path in ("/audit", "/audit/export"):
        answer = await api.call("GET", path, params={"event": "grant.create"})
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert error["field"] == "event"
        assert "did you mean grant.created" in error["reason"]


@pytest.mark.both_databases
async def test_a_program_turns_all_pages_of_the_log_of_one_person_and_time(
    auth_server: AuthServer,
) -> None:
    await leave_entries(auth_server, 10)
    auth_server.clock.advance(days=2)
    since = auth_server.clock()
    await leave_entries(auth_server, 20)
    await leave_entries(auth_server, 20, person_id="usr_bo", tenant_id="org_globex")
    await leave_entries(auth_server, 1, grant_id="grt_1", client_id="c1", event="grant.revoked")
    auth_server.clock.advance(days=2)
    until = auth_server.clock()
    await leave_entries(auth_server, 10)
    api = await admin_api(auth_server)
    time = {"since": since.isoformat(), "until": until.isoformat()}

    ada = await everything(api, person_id="usr_ada", event="signed_out", **time)
    assert len(ada) == 20
    assert {entry["words"] for entry in ada} == {"Signed out"}
    numbers = [entry["number"] for entry in await everything(api)]
    assert numbers == list(range(len(numbers), 0, -1))
    for one in ({"grant_id": "grt_1"}, {"client_id": "c1"}):
        assert [entry["event"] for entry in await everything(api, **one)] == ["grant.revoked"]
    assert len(await everything(api, tenant_id="org_globex", **time)) == 20
    assert await everything(api, since="2200-01-01T00:00:00Z") == []
    assert await everything(api, until="2001-01-01T00:00:00Z") == []


@pytest.mark.both_databases
async def test_an_export_is_verified_without_the_server_until_a_byte_of_it_changes(
    auth_server: AuthServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth_server.administration.audit.export._STEP", 3)
    await leave_entries(auth_server, 8, detail={"reason": "a,b\n“c”", "level": 1, "of": ["x"]})
    await leave_entries(auth_server, 1, person_id="=HYPERLINK(1)", client_id="'quoted'")
    api = await admin_api(auth_server)
    for form in ("csv", "ndjson"):
        answer = await api.call("GET", "/audit/export", params={"format": form})
        assert answer.status_code == 200
        number, _, digest = answer.headers["audit-head"].partition(":")
        file = tmp_path / form
        file.write_bytes(answer.content)

        good = run("audit-verify", "--file", str(file), "--head", f"{number}:{digest}")
        assert good.exit_code == 0, good.output
        assert f"{number} entries are as they were recorded" in good.output
        assert "left out" not in good.output
        assert "=HYPERLINK" not in [cell[:10] for cell in answer.text.split(",")]

        for before, after in (("usr_ada", "usr_bob"), (digest, "0" * 64)):
            file.write_text(answer.text.replace(before, after), newline="")
            assert (
                "the export is broken at entry" in run("audit-verify", "--file", str(file)).output
            )
        file.write_bytes(answer.content)
        other = run("audit-verify", "--file", str(file), "--head", f"2:{digest}")
        assert "broken at entry 2" in other.output
        file.write_bytes(b"".join(answer.content.splitlines(keepends=True)[:-1]))
        assert "incomplete" in run("audit-verify", "--file", str(file)).output
        file.write_bytes(b"{}\n")
        assert "record 1 is not an entry" in run("audit-verify", "--file", str(file)).output


async def test_an_export_of_a_search_says_that_entries_are_left_out(
    sqlite_server: AuthServer, tmp_path: Path
) -> None:
    for person in ("usr_ada", "usr_bo", "usr_ada", "usr_bo"):
        await leave_entries(sqlite_server, 1, person_id=person)
    op, _ = await at_the_log(sqlite_server)
    answer = await op.http.get("/console/audit/export?person=usr_ada&event=signed_out&format=csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["person_id"] for row in rows] == ["usr_ada", "usr_ada", ""]
    assert rows[-1]["event"] == "audit.head"
    assert "attachment" in answer.headers["content-disposition"]

    file = tmp_path / "some.csv"
    file.write_bytes(answer.content)
    assert "left out in 2 places" in run("audit-verify", "--file", str(file)).output


async def test_a_security_team_reads_the_log_as_ocsf_events(sqlite_server: AuthServer) -> None:
    await (await sqlite_server.client()).connect(sqlite_server.person())
    for event in get_args(Event):
        await leave_entries(sqlite_server, 1, event=event)
    await leave_entries(sqlite_server, 1, event="denied", person_id="", detail={"path": "/token"})
    api = await admin_api(sqlite_server, ["audit:read"])
    answer = await api.call("GET", "/audit/export", params={"format": "ocsf"})
    events = [json.loads(line) for line in answer.text.splitlines()]

    assert [event["metadata"]["sequence"] for event in events] == list(range(1, len(events) + 1))
    for event in events:
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert event["category_uid"] == event["class_uid"] // 1000
        assert event["metadata"]["version"] == "1.3.0"
        assert any(event["actor"]["user"].get(name) for name in ("uid", "name"))
        required = {3001: "user", 3002: "service", 3004: "entity", 6003: "src_endpoint"}
        assert all(event[required[event["class_uid"]]].values())
    granted = next(one for one in events if one["metadata"]["event_code"] == "grant.created")
    assert granted["actor"]["user"]["uid"] == "usr_ada"
    signed_in = next(one for one in events if one["metadata"]["event_code"] == "signed_in")
    assert (signed_in["class_uid"], signed_in["activity_id"]) == (3002, 1)
    assert datetime.fromtimestamp(signed_in["time"] / 1000, UTC).date() == (
        sqlite_server.clock().date()
    )


def test_every_event_has_words_and_an_ocsf_class() -> None:
    assert set(EVENT_WORDS) == set(CLASSES) == set(get_args(Event))


async def test_a_command_lists_and_exports_what_the_pages_do(
    sqlite_server: AuthServer, tmp_path: Path
) -> None:
    await leave_entries(sqlite_server, 3)
    section = issuing("http://127.0.0.1:8400", RESOURCE, database_url=sqlite_server.database_url)
    config = str(write_config(tmp_path, secret=SECRET_KEY, auth_server=section))
    who = ("--person", "usr_ada", "--since", "2001-01-01")
    listed = await asyncio.to_thread(run, "audit", "list", "--config", config, *who)
    assert listed.output.count("signed_out  Signed out  usr_ada") == 3

    words_for_people = ("--event", "Signed out")
    nothing = await asyncio.to_thread(run, "audit", "list", "--config", config, *words_for_people)
    assert nothing.exit_code == 1
    assert "must be the name of an event; did you mean signed_out" in nothing.output

    file = tmp_path / "log.ndjson"
    words = ("audit", "export", "--config", config, "--output", str(file))
    exported = await asyncio.to_thread(run, *words)
    assert "The head of the audit log is" in exported.output
    assert run("audit-verify", "--file", str(file)).exit_code == 0


async def test_an_export_ends_at_the_head_it_began_with_and_holds_few_entries_at_once(
    sqlite_server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth_server.administration.audit.export._STEP", 5)
    await leave_entries(sqlite_server, 23)
    chunks: list[bytes] = []
    database: Database = sqlite_server.opened.database
    export = await open_export(database, COMMAND_LINE, AuditFilter(), "ndjson", issuer="x")
    async for chunk in export.chunks:
        chunks.append(chunk)
        await leave_entries(sqlite_server, 5)

    lines: Sequence[dict[str, Any]] = [json.loads(line) for line in b"".join(chunks).splitlines()]
    assert export.head is not None
    assert [line["number"] for line in lines[-2:]] == [export.head.number, export.head.number]
    assert max(chunk.count(b"\n") for chunk in chunks) == 5


async def test_only_those_who_may_read_the_log_do(sqlite_server: AuthServer) -> None:
    api = await admin_api(sqlite_server, ["people:read"])
    assert (await api.call("GET", "/audit")).status_code == 403
    assert (await api.call("GET", "/audit/export")).status_code == 403
    ada = sqlite_server.person()
    page = await ada.sign_in(await ada.open("/console/audit"))
    assert page.status == 403
    assert (await ada.http.get("/console/audit/export")).status_code == 403
