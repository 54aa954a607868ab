"""Operators look after exports, refused events and archives of calls."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from click.testing import CliRunner, Result
from sqlmodel import col, delete

from auth_server.archive.write import archive_calls
from auth_server.cli import usage
from auth_server.db.engine import DbSession, open_database
from auth_server.gateway_api.write_calls import write_calls
from auth_server.records.export_customers.store import find_customers
from auth_server.records.ledger.store import sum_units
from auth_server.records.ledger.table import LedgerEntry
from auth_server.records.metered_hours.table import MeteredHour
from auth_server.records.refused_events.store import Refused, add_refused, list_refused
from auth_server.records.usage.days import find_wrong_days
from auth_server.records.usage.summary import UsageFilter, summarize_total
from auth_server.records.usage.table import UsageHour
from auth_server.records.usage_exports.store import add_export, list_exports
from auth_server.records.usage_exports.table import ExportState, UsageExport
from gatepost.metering.call_event import CallEvent, write_event
from gatepost.metering.plans import end_of_month, hour_of, start_of_month
from support.in_process.auth_server import RESOURCE, SECRET_KEY
from support.in_process.call_events import call_event
from support.in_process.clock import Clock
from support.processes.configuration import issuing, write_config

T = TypeVar("T")
Operate = Callable[..., Result]


@pytest.fixture
def operate(database_url: str, tmp_path: Path) -> Operate:
    """Runs `gatepost usage …` on a seeded database."""
    section = issuing("http://127.0.0.1:8400", RESOURCE, database_url=database_url)
    config = write_config(tmp_path, secret=SECRET_KEY, auth_server=section)

    def run(verb: str, *arguments: str | Path) -> Result:
        return CliRunner().invoke(usage, [verb, "--config", str(config), *map(str, arguments)])

    return run


def on(url: str, work: Callable[[DbSession], Awaitable[T]]) -> T:
    """Do work in one transaction on a database."""

    async def attempt() -> T:
        database = open_database(url)
        try:
            async with database.writing() as db, db.begin():
                return await work(db)
        finally:
            await database.close()

    return asyncio.run(attempt())


def export(clock: Clock, state: ExportState, **changes: Any) -> UsageExport:
    """An export of an hour of Acme's, in some state."""
    hour = hour_of(clock() - timedelta(hours=3))
    usual: dict[str, Any] = {
        "identifier": "gatepost_1",
        "system": "cloud_events",
        "tenant_id": "org_acme",
        "meter": "calls",
        "hour": hour,
        "since": hour,
        "at": hour,
        "sequence": 0,
        "units": 5,
        "state": state,
        "attempts": 1,
        "first_attempt_at": hour,
        "next_attempt_at": hour,
        "problem": "status 400",
    }
    return UsageExport(**{**usual, **changes})


def stored_exports(url: str) -> list[UsageExport]:
    return list(on(url, lambda db: list_exports(db, tuple(ExportState), most=10)))


@pytest.mark.both_databases
def test_an_operator_sees_what_is_parked_and_what_waits(
    operate: Operate, database_url: str, clock: Clock
) -> None:
    async def store(db: DbSession) -> None:
        await add_export(db, export(clock, ExportState.PARKED))
        done = export(clock, ExportState.CONFIRMED, identifier="gatepost_2", units=7, problem="")
        await add_export(db, done)
        await write_calls(
            db, [call_event(clock(), cost=3, meter="calls", tenant_id="org_globex")], now=clock()
        )

    on(database_url, store)
    parked, everything = operate("exports", "--parked").output, operate("exports").output

    assert "5 units  parked: status 400  gatepost_1" in parked
    assert "org_globex  calls  3 units  no export: not planned yet" in parked
    assert "gatepost_2" not in parked
    assert "gatepost_2" in everything
    assert "confirmed: 1 exports, 7 units" in everything


@pytest.mark.both_databases
def test_a_parked_export_is_sent_again_under_a_new_identifier(
    operate: Operate, database_url: str, clock: Clock
) -> None:
    on(database_url, lambda db: add_export(db, export(clock, ExportState.PARKED)))

    assert operate("resend", "gatepost_1").exit_code == 0

    found = stored_exports(database_url)[0]
    assert (found.state, found.units, found.first_attempt_at) == (ExportState.PLANNED, 5, None)
    assert found.identifier != "gatepost_1"


def test_an_export_that_the_system_counted_after_all_is_not_sent_again(
    operate: Operate, database_url: str, clock: Clock
) -> None:
    on(database_url, lambda db: add_export(db, export(clock, ExportState.AMBIGUOUS)))

    assert operate("resend", "--counted", "gatepost_1").exit_code == 0

    found = stored_exports(database_url)[0]
    assert (found.state, found.identifier) == (ExportState.CONFIRMED, "gatepost_1")


@pytest.mark.parametrize("state", [ExportState.SENT, ExportState.CONFIRMED, ExportState.PLANNED])
def test_an_export_that_nobody_doubts_is_never_sent_again(
    operate: Operate, database_url: str, clock: Clock, state: ExportState
) -> None:
    on(database_url, lambda db: add_export(db, export(clock, state)))

    refused = operate("resend", "gatepost_1")

    assert refused.exit_code == 1
    assert "gatepost_1 is not parked or ambiguous" in refused.output
    assert stored_exports(database_url)[0].state == state


@pytest.mark.both_databases
def test_a_customer_is_named_for_a_tenant_that_exists(operate: Operate, database_url: str) -> None:
    unknown = operate("link", "org_nobody", "123456789012")
    arn = "arn:aws:license-manager::1:license:l-1"
    linked = operate("link", "org_acme", "123456789012", "--licence", arn)
    again = operate("link", "org_acme", "222222222222", "--since", "2026-11-28T10:00:00+0000")

    assert "the tenant org_nobody does not exist" in unknown.output
    assert (linked.exit_code, again.exit_code) == (0, 0)
    found = on(database_url, lambda db: find_customers(db, ["org_acme", "org_nobody"]))
    assert [(one.customer, one.licence) for one in found] == [("222222222222", "")]
    assert found[0].since.isoformat() == "2026-11-28T10:00:00+00:00"


@pytest.mark.both_databases
def test_refused_events_are_written_when_they_can_be_read(
    operate: Operate, database_url: str, clock: Clock
) -> None:
    """Such as after an upgrade of the server; those that still can't be read stay."""
    event = call_event(clock(), cost=3, meter="calls")
    kept = [
        Refused(write_event(event), "era: unknown", RESOURCE),
        Refused(b'[{"call_id": 1}]', "at: missing"),
        Refused(write_event(call_event(clock())), "from another gateway", "http://other.test/mcp"),
    ]
    on(database_url, lambda db: add_refused(db, kept, now=clock()))
    listed = operate("refused").output
    written = operate("refused", "--write-all").output

    assert "era: unknown" in listed and "at: missing" in listed
    assert "1 written" in written
    left = on(database_url, lambda db: list_refused(db, most=10))
    assert {row.reason for row in left} == {"at: missing", "from another gateway"}
    assert on(database_url, lambda db: _units(db, clock)) == 3


async def _units(db: DbSession, clock: Clock) -> int:
    since = clock() - timedelta(days=10)
    return sum((await sum_units(db, since=since, until=clock() + timedelta(days=1))).values())


@pytest.fixture
def archive(database_url: str, clock: Clock, tmp_path: Path) -> Path:
    """An archive of three billable calls and one that costs nothing, which are in the ledger."""
    calls = [
        call_event(clock() - timedelta(minutes=n), cost=cost, meter="calls")
        for n, cost in enumerate((1, 2, 4, 0))
    ]

    async def move() -> None:
        database = open_database(database_url)
        async with database.writing() as db, db.begin():
            await write_calls(db, calls, now=clock())
        assert await archive_calls(database, tmp_path, before=clock() + timedelta(days=1))
        await database.close()

    asyncio.run(move())
    (file,) = tmp_path.glob("calls-*.ndjson.gz")
    return file


def test_an_archive_is_compared_with_the_ledger(
    operate: Operate, database_url: str, archive: Path, clock: Clock
) -> None:
    same = operate("replay", archive)
    on(database_url, lambda db: _forget(db, LedgerEntry, units=2))
    differs = operate("replay", archive)

    assert same.exit_code == 0
    assert "org_acme  3 billable calls, 7 units: 0 missing (0 units), 0 different" in same.output
    assert differs.exit_code == 1
    assert "1 missing (2 units)" in differs.output
    assert on(database_url, lambda db: _units(db, clock)) == 5


@pytest.mark.both_databases
def test_a_replay_adds_what_the_ledger_lacks_and_nothing_twice(
    operate: Operate, database_url: str, archive: Path, clock: Clock
) -> None:
    plain = archive.with_name("plain.ndjson")
    plain.write_bytes(gzip.decompress(archive.read_bytes()))
    for table in (LedgerEntry, MeteredHour, UsageHour):
        on(database_url, lambda db, table=table: _forget(db, table))  # type: ignore[misc]

    first = operate("replay", "--write", plain, archive)
    again = operate("replay", "--write", archive)

    assert (first.exit_code, again.exit_code) == (0, 0)
    assert "0 added" in again.output
    assert on(database_url, lambda db: _units(db, clock)) == 7


def archived(tmp_path: Path, *events: CallEvent) -> Path:
    """An archive that somebody kept."""
    file = tmp_path / "kept.ndjson"
    file.write_bytes(b"".join(write_event(event) + b"\n" for event in events))
    return file


async def _books(db: DbSession, clock: Clock) -> tuple[int, int, int]:
    """Return the units of the ledger, and the calls and units of the usage."""
    since, until = start_of_month(clock()), end_of_month(clock())
    usage = await summarize_total(db, UsageFilter(since, until))
    assert await find_wrong_days(db, since=since, until=until) == []
    return await _units(db, clock), usage.calls, usage.units


@pytest.mark.both_databases
def test_a_call_that_a_replay_added_and_a_gateway_delivers_again_is_counted_once(
    operate: Operate, database_url: str, clock: Clock, tmp_path: Path
) -> None:
    """The database is an older copy; the call is in an archive, and still in a gateway's spool."""
    event = call_event(clock(), cost=3, meter="calls")

    operate("replay", "--write", archived(tmp_path, event))
    on(database_url, lambda db: write_calls(db, [event], now=clock()))

    assert on(database_url, lambda db: _books(db, clock)) == (3, 1, 3)


@pytest.mark.both_databases
def test_a_call_whose_result_an_older_copy_did_not_know_is_counted_once_after_a_replay(
    operate: Operate, database_url: str, clock: Clock, tmp_path: Path
) -> None:
    event = call_event(clock(), cost=3, meter="calls")
    unknown = event._replace(outcome="unknown", cost=0, meter="")
    on(database_url, lambda db: write_calls(db, [unknown], now=clock()))

    operate("replay", "--write", archived(tmp_path, event))
    after_replay = on(database_url, lambda db: _books(db, clock))
    on(database_url, lambda db: write_calls(db, [event], now=clock()))

    assert after_replay == (3, 1, 3)
    assert on(database_url, lambda db: _books(db, clock)) == (3, 1, 3)


@pytest.mark.parametrize("content", [b"{}\n", b"nonsense\n", b"\x1f\x8b\x00"])
def test_a_file_that_is_not_an_archive_is_refused(
    operate: Operate, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / ("calls.ndjson.gz" if content.startswith(b"\x1f") else "calls.ndjson")
    file.write_bytes(content)

    refused = operate("replay", file)

    assert refused.exit_code == 1
    assert str(file) in refused.output and "Traceback" not in refused.output


async def _forget(
    db: DbSession, table: type[LedgerEntry | MeteredHour | UsageHour], units: int | None = None
) -> None:
    gone = delete(table)
    if units is not None:
        gone = gone.where(col(table.units) == units)
    await db.execute(gone)


def test_the_comparison_with_the_invoices_says_what_the_system_can_tell(
    operate: Operate, sqlite_url: str, tmp_path: Path
) -> None:
    nowhere = operate("compare", "org_acme")
    export = {"kind": "cloud_events", "url": "http://127.0.0.1:9/events"}
    section = issuing(
        "http://127.0.0.1:8400", RESOURCE, database_url=sqlite_url, usage_export=export
    )
    folder = tmp_path / "exporting"
    folder.mkdir()
    config = write_config(folder, secret=SECRET_KEY, auth_server=section)

    told = CliRunner().invoke(usage, ["compare", "--config", str(config), "org_acme"])

    assert (nowhere.exit_code, "name no system" in nowhere.output) == (1, True)
    assert told.exit_code == 0, told.output
    assert "0 units in confirmed exports; cloud_events" in told.output
