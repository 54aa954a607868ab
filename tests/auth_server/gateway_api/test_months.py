"""PostgreSQL keeps the call log and the ledger by the month, and drops old months of the call log."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from auth_server.archive.read import read_archive
from auth_server.db.months import detach_month, list_months, make_months, name_month
from auth_server.gateway_api.write_calls import write_or_refuse
from auth_server.maintenance import JOBS
from auth_server.records.ledger.store import sum_units
from auth_server.records.refused_events.store import list_refused
from gatepost.metering.call_event import CallEvent
from gatepost.metering.plans import end_of_month, start_of_month
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.call_events import call_event, logged_calls
from support.in_process.clock import Clock

pytestmark = pytest.mark.anyio
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
LONG = timedelta(days=2000)


@pytest.fixture
async def server(database_url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[AuthServer]:
    """A server that archives old calls."""
    folder = tmp_path / "archive"
    async with running_auth_server(database_url, clock, call_log_archive=folder) as running:
        yield running


async def write(server: AuthServer, *events: CallEvent) -> tuple[int, int]:
    """Write events as a delivery does."""
    return await write_or_refuse(server.opened.database, events, (), now=server.clock())


async def tend(server: AuthServer, *names: str) -> None:
    """Run the jobs that make and drop months, or one of them."""
    for name, run, _ in JOBS:
        if name in (names or {"months", "call_log"}):
            await run(server.opened)


async def places(server: AuthServer, table: str) -> dict[str, str]:
    """Tell in which partition the row of each call is."""
    query = text(f"SELECT call_id, tableoid::regclass::text FROM {table}")  # noqa: S608 - our names
    async with server.opened.database.reading() as db:
        return {row[0]: row[1] for row in (await db.execute(query)).all()}


async def months(server: AuthServer, table: str) -> list[datetime]:
    """List the months that have a partition."""
    async with server.opened.database.reading() as db:
        return await list_months(db, table)


async def billed(server: AuthServer) -> int:
    """Sum the units of the ledger."""
    since, until = server.clock() - LONG, server.clock() + LONG
    async with server.opened.database.reading() as db:
        return sum((await sum_units(db, since=since, until=until)).values())


def archived(tmp_path: Path) -> list[str]:
    """List the ids of the calls in all files of the archive."""
    files = sorted((tmp_path / "archive").glob("*.ndjson.gz"))
    return [event.call_id for file in files for event in read_archive(file)]


@on_postgresql
async def test_months_are_made_and_dropped_as_a_year_passes(
    server: AuthServer, tmp_path: Path
) -> None:
    first = start_of_month(server.clock())
    calls = []
    for _ in range(13):
        calls.append(call_event(server.clock()))
        assert await write(server, calls[-1]) == (1, 0)
        await tend(server)
        server.clock.advance(
            seconds=(end_of_month(server.clock()) - server.clock()).total_seconds()
        )

    ledger, log = await months(server, "ledger"), await months(server, "call_log")

    assert (ledger[0], len(ledger)) == (first, 15)
    oldest = start_of_month(calls[-1].at - timedelta(days=90))
    assert log == [month for month in ledger if month >= oldest]
    held = await places(server, "call_log")
    assert held == {
        call.call_id: name_month("call_log", call.at) for call in calls if call.at >= oldest
    }
    assert await places(server, "ledger") == {
        call.call_id: name_month("ledger", call.at) for call in calls
    }
    assert sorted(archived(tmp_path)) == sorted(
        call.call_id for call in calls if call.call_id not in held
    )
    assert await billed(server) == 13


@on_postgresql
async def test_calls_before_and_after_midnight_are_in_the_months_of_their_times(
    server: AuthServer,
) -> None:
    midnight = end_of_month(server.clock())
    before, after = call_event(midnight - timedelta(microseconds=1)), call_event(midnight)

    await write(server, before, after)
    await write(server, before, after)

    assert await places(server, "ledger") == {
        before.call_id: name_month("ledger", before.at),
        after.call_id: name_month("ledger", midnight),
    }


@on_postgresql
async def test_a_late_call_of_a_dropped_month_is_billed_once_and_archived(
    server: AuthServer, tmp_path: Path
) -> None:
    server.clock.advance(days=200)
    await tend(server)
    late = call_event(server.clock() - timedelta(days=195), cost=3)

    assert await write(server, late) == (1, 0)
    assert (await places(server, "call_log"))[late.call_id] == "call_log_default"
    await tend(server)
    after = await logged_calls(server.database_url)
    assert await write(server, late) == (1, 0)
    await tend(server)

    assert late.call_id not in after
    assert set(archived(tmp_path)) == {late.call_id}
    assert await billed(server) == 3


@on_postgresql
async def test_a_call_of_a_month_to_come_is_told_and_moves_when_its_month_is_made(
    server: AuthServer,
) -> None:
    early = call_event(server.clock() + timedelta(days=140))
    await write(server, early)

    with capture_logs() as logged:
        await tend(server)
    before = await places(server, "ledger")
    server.clock.advance(days=100)
    with capture_logs() as logged_later:
        await tend(server)

    told = [entry for entry in logged if entry["event"] == "rows_without_month"]
    assert [(entry["table"], entry["rows"]) for entry in told] == [("call_log", 1), ("ledger", 1)]
    assert before == {early.call_id: "ledger_default"}
    assert await places(server, "ledger") == {early.call_id: name_month("ledger", early.at)}
    assert "rows_without_month" not in {entry["event"] for entry in logged_later}


@on_postgresql
async def test_servers_that_make_and_drop_the_same_months_do_not_disturb_each_other(
    server: AuthServer, tmp_path: Path
) -> None:
    call = call_event(server.clock())
    await write(server, call)
    server.clock.advance(days=200)

    await asyncio.gather(*(tend(server) for _ in range(3)))

    assert archived(tmp_path) == [call.call_id]
    assert await places(server, "ledger") == {call.call_id: name_month("ledger", call.at)}
    assert len(await months(server, "ledger")) == len(set(await months(server, "ledger")))


@on_postgresql
async def test_a_month_that_a_restored_backup_did_not_attach_is_not_dropped(
    server: AuthServer, tmp_path: Path
) -> None:
    call = call_event(server.clock())
    await write(server, call)
    async with server.opened.database.writing() as db, db.begin():
        await detach_month(db, "call_log", start_of_month(call.at))

    await tend(server, "call_log")
    await tend(server, "months")

    assert archived(tmp_path) == []
    assert await places(server, "call_log") == {call.call_id: name_month("call_log", call.at)}


@on_postgresql
async def test_a_backup_that_reads_an_old_month_does_not_block_all_maintenance(
    server: AuthServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drop would wait for hours, and other jobs with it, such as the rotation of keys."""
    monkeypatch.setattr("auth_server.db.months._PATIENCE", text("SET LOCAL lock_timeout = '10ms'"))
    call = call_event(server.clock())
    await write(server, call)
    async with server.opened.database.writing() as db, db.begin():
        await detach_month(db, "call_log", start_of_month(call.at))
    server.clock.advance(days=200)

    async with server.opened.database.reading() as backup:
        await backup.execute(text(f"SELECT * FROM {name_month('call_log', call.at)}"))  # noqa: S608 - our names
        with pytest.raises(OperationalError):
            async with asyncio.timeout(10):
                await tend(server, "call_log")
    await tend(server, "call_log")

    assert archived(tmp_path) == [call.call_id]


@on_postgresql
async def test_a_schema_that_precedes_the_tables_does_not_get_the_months(
    server: AuthServer,
) -> None:
    """By default, PostgreSQL searches the schema with the name of the role before `public`."""
    later = end_of_month(server.clock() + timedelta(days=200))
    async with server.opened.database.writing() as db, db.begin():
        await db.execute(text("CREATE SCHEMA gatepost"))
        for _ in range(2):
            await make_months(db, "ledger", now=later)

    assert later in await months(server, "ledger")


@pytest.mark.both_databases
async def test_a_call_that_is_delivered_with_another_time_is_refused_and_billed_once(
    server: AuthServer,
) -> None:
    call = call_event(server.clock(), cost=3)
    unknown = call._replace(outcome="unknown", cost=0)
    other = call._replace(at=call.at + timedelta(seconds=1))
    await write(server, unknown)

    together = await write(server, unknown, other)
    await write(server, call)
    again = await write(server, other)

    assert (together, again) == ((0, 1), (0, 1))
    assert await billed(server) == 3
    assert set(await logged_calls(server.database_url)) == {call.call_id}
    async with server.opened.database.reading() as db:
        [kept] = await list_refused(db, most=10)
    assert kept.reason == "its call is stored with another time"
