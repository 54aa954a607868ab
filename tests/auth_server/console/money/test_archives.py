"""Operators compare archives of calls with the ledger, and add to it what it lacks."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, delete

from auth_server.archive.write import archive_calls
from auth_server.gateway_api.write_calls import write_calls
from auth_server.records.ledger.store import sum_units
from auth_server.records.ledger.table import LedgerEntry
from auth_server.records.metered_hours.table import MeteredHour
from auth_server.records.usage.table import UsageHour
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.call_events import call_event
from support.in_process.clock import Clock


async def lose_a_call(server: AuthServer, folder: Path) -> str:
    """Write calls of 7 units, archive them, and lose 2 units of the ledger; name the archive."""
    at = server.clock()
    events = [call_event(at, cost=cost, meter="calls") for cost in (1, 2, 4)]
    async with server.opened.transaction() as db:
        await write_calls(db, events, now=at)
    await archive_calls(server.opened.database, folder, before=at + timedelta(days=1))
    async with server.opened.transaction() as db:
        await db.execute(delete(LedgerEntry).where(col(LedgerEntry.units) == 2))
        for table in (MeteredHour, UsageHour):
            await db.execute(delete(table))
    api = await admin_api(server, ["books:read"])
    [archive] = (await api.call("GET", "/books/archives")).json()["items"]
    return str(archive["name"])


@pytest.mark.both_databases
async def test_an_archive_gives_back_to_the_ledger_what_it_lost(
    database_url: str, clock: Clock, tmp_path: Path
) -> None:
    async with running_auth_server(database_url, clock, call_log_archive=tmp_path) as server:
        name = await lose_a_call(server, tmp_path)
        op = server.person("op@orbit.example")
        page = await op.sign_in(await op.open("/console/books/archives"))
        assert name in page.text

        page = await op.press(page, "Compare")
        assert "The ledger lacks 1 call." in page.text
        page = await op.press(page, "Add missing calls")

        assert "1 call was added to the ledger." in page.text
        assert "has every billable call" in (await op.press(page, "Compare")).text
        day = timedelta(days=1)
        async with server.opened.database.reading() as db:
            sums = await sum_units(db, since=clock() - day, until=clock() + day)
        assert sums == {("org_acme", "calls"): 7}
        api = await admin_api(server)
        listed = (await api.call("GET", "/books/archives")).json()
        assert [one["name"] for one in listed["items"]] == [name]
        [same] = (await api.call("POST", f"/books/archives/{name}/replay", json={})).json()
        assert (same["calls"], same["units"], same["missing"]) == (3, 7, 0)
        found = await api.call("GET", "/audit", params={"event": "usage.archive_replayed"})
        [entry] = found.json()["items"]
        assert entry["detail"] == {"added": 1, "operator": "usr_op"}


async def test_a_name_never_leads_to_a_file_that_is_not_an_archive_of_the_folder(
    sqlite_url: str, clock: Clock, tmp_path: Path
) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    (tmp_path / f"calls-20261101T000000Z-{'0' * 16}.ndjson.gz").write_bytes(b"{}")
    (folder / "other.ndjson").write_bytes(b"{}\n")
    (folder / f"calls-20261101T000000Z-{'1' * 16}.ndjson.gz").write_bytes(b"{}")
    async with running_auth_server(sqlite_url, clock, call_log_archive=folder) as server:
        api = await admin_api(server)
        for name in (
            f"..%2Fcalls-20261101T000000Z-{'0' * 16}.ndjson.gz",
            "other.ndjson",
        ):
            answer = await api.call("POST", f"/books/archives/{name}/replay", json={})
            assert answer.status_code == 404, answer.text
        broken = f"/books/archives/calls-20261101T000000Z-{'1' * 16}.ndjson.gz/replay"
        answer = await api.call("POST", broken, json={"write": True})
        assert (answer.status_code, str(folder) in answer.text) == (422, False)


async def test_without_a_folder_of_archives_the_page_says_so(sqlite_server: AuthServer) -> None:
    op = sqlite_server.person("op@orbit.example")
    page = await op.sign_in(await op.open("/console/books/archives"))
    assert "names no folder" in page.text
    api = await admin_api(sqlite_server)
    assert (await api.call("GET", "/books/archives")).status_code == 422
