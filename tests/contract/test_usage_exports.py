"""Every adapter of the port `UsageExporter`: the system's total is the ledger's, to the unit."""

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from auth_server.exports.port import Attempt, Rules, Usage, UsageExporter
from auth_server.exports.run import export_usage, tell_waiting
from auth_server.records.metered_hours.store import list_waiting_units
from auth_server.records.usage_exports.table import ExportState
from support.exports.aws import FakeAws
from support.exports.books import ACME, GLOBEX, Books, open_books
from support.exports.network import FAULTS, Fault
from support.exports.systems import FakeMetronome, FakeStripe, Receiver, System
from support.in_process.clock import Clock

SYSTEMS: dict[str, Callable[[Clock], System]] = {
    "stripe": FakeStripe,
    "metronome": FakeMetronome,
    "cloud_events": Receiver,
    "aws_licences": lambda clock: FakeAws(clock, licensed=True),
    "aws_customers": lambda clock: FakeAws(clock, licensed=False),
    "structured_cloud_events": lambda clock: Receiver(clock, batch=1),
}
each_system = pytest.mark.parametrize("system", SYSTEMS)


@pytest.fixture
async def books(system: str, database_url: str, clock: Clock) -> AsyncIterator[Books]:
    async with open_books(database_url, clock, SYSTEMS[system](clock)) as opened:
        await opened.join(ACME, GLOBEX)
        yield opened


@each_system
async def test_each_unit_of_the_ledger_is_counted_once(books: Books) -> None:
    for tenant, units in ((ACME, 3), (ACME, 4), (GLOBEX, 5)):
        await books.call(units, tenant)
    books.clock.advance(hours=1)
    await books.call(10)
    await books.export_later(hours=1)
    await books.export_later(minutes=1)

    assert (books.counted(ACME), books.counted(GLOBEX)) == (17, 5)
    assert {export.state for export in await books.exports()} == {ExportState.CONFIRMED}
    assert len(await books.exports()) == len({one.identifier for one in await books.exports()}) == 3


@each_system
async def test_the_present_hour_is_not_exported_yet(books: Books) -> None:
    await books.call()
    await books.export_later(minutes=40)

    assert await books.exports() == []


@each_system
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_neither_loses_nor_repeats_a_unit(books: Books, fault: Fault) -> None:
    for hour in range(3):
        await books.call(2**hour)
        await books.call(7, GLOBEX)
        books.clock.advance(hours=1)
    books.system.network.faults.extend([fault, fault])
    await books.export()
    await books.settle()

    assert (books.counted(ACME), books.counted(GLOBEX)) == (7, 21)
    assert {export.state for export in await books.exports()} == {ExportState.CONFIRMED}


class Killed(BaseException):
    """The process ended."""


class Dying:
    """An exporter whose process is killed right after sending."""

    def __init__(self, exporter: UsageExporter) -> None:
        self._exporter = exporter
        self.name = exporter.name
        self.rules: Rules = exporter.rules
        self.name_of = exporter.name_of
        self.read_total = exporter.read_total

    async def send(self, batch: Sequence[Usage]) -> Mapping[str, Attempt]:
        await self._exporter.send(batch)
        raise Killed


@each_system
async def test_a_process_killed_after_sending_repeats_nothing(books: Books) -> None:
    await books.call(5)
    await books.call(6, GLOBEX)
    books.clock.advance(hours=1)
    dying = replace(books.exporting, exporter=Dying(books.system.exporter))
    with pytest.raises(Killed):
        await export_usage(dying)
    await books.settle()

    assert (books.counted(ACME), books.counted(GLOBEX)) == (5, 6)
    identifiers = [export.identifier for export in await books.exports()]
    assert len(identifiers) == 2


@each_system
async def test_late_calls_are_carried_by_an_export_of_their_own(books: Books) -> None:
    hour = books.clock()
    await books.call(5)
    await books.export_later(hours=1)
    sent = (await books.exports())[0]
    await books.call(8, at=hour)
    await books.settle()

    assert books.counted() == 13
    after = await books.exports()
    assert (after[0].identifier, after[0].units) == (sent.identifier, 5)
    assert [export.units for export in after] == [5, 8]


@each_system
async def test_a_call_that_is_written_twice_is_exported_once(books: Books) -> None:
    event = await books.call(5)
    await books.export_later(hours=1)
    await books.write(event)
    await books.settle()

    assert books.counted() == 5


@each_system
async def test_test_keys_and_unknown_outcomes_are_never_exported(books: Books) -> None:
    await books.call(5, env="test")
    unknown = await books.call(7, outcome="unknown")
    await books.settle()
    assert books.counted() == 0

    await books.write(unknown._replace(outcome="success"))
    await books.settle()
    assert books.counted() == 7


@each_system
async def test_a_tenant_without_a_customer_waits_and_is_not_in_the_way(books: Books) -> None:
    acme = books.book.customers.pop(ACME)
    await books.call(5)
    await books.call(6, GLOBEX)
    await books.export_later(hours=1)
    async with books.database.reading() as db:
        waiting = await list_waiting_units(db, most=10)
    assert [(one.tenant_id, one.units) for one in waiting] == [(ACME, 5)]
    assert books.counted(GLOBEX) == 6
    with capture_logs() as logs:
        await tell_waiting(books.exporting)
    assert [(one["event"], one["tenants"], one["units"]) for one in logs] == [
        ("usage_without_customer", 1, 5)
    ]

    books.book.customers[ACME] = acme
    await books.export_later(minutes=1)
    assert books.counted() == 5


@each_system
async def test_refused_usage_is_parked_and_not_in_the_way(books: Books) -> None:
    await books.call(5)
    books.clock.advance(hours=1)
    await books.call(6)
    # A batch that is refused is sent again in parts.
    books.system.network.faults.extend(["bad"])
    with capture_logs() as logs:
        await books.export_later(hours=1)
    parked = await books.exports(ExportState.PARKED)
    await books.settle()

    assert [(export.units, export.attempts) for export in parked] == [(5, 1)]
    assert "400" in parked[0].problem or "invalid_request" in parked[0].problem
    assert await books.exports(ExportState.PARKED) == parked
    told = [one["identifier"] for one in logs if one["event"] == "usage_export_parked"]
    assert told == [one.identifier for one in parked]
    assert books.counted() == 6


@pytest.mark.parametrize("system", ["stripe", "aws_licences"])
async def test_more_units_than_the_system_takes_are_parked(books: Books) -> None:
    """They are told, and never rounded or cut."""
    await books.call(10**15)
    await books.call(6, GLOBEX)
    await books.export_later(hours=1)
    await books.settle()

    assert [one.units for one in await books.exports(ExportState.PARKED)] == [10**15]
    assert (books.counted(ACME), books.counted(GLOBEX)) == (0, 6)


@pytest.mark.parametrize("system", ["cloud_events", "metronome"])
async def test_usage_waits_while_the_key_is_wrong(books: Books) -> None:
    await books.call(5)
    headers = books.system.exporter._headers  # type: ignore[attr-defined]
    right = headers["Authorization"]
    headers["Authorization"] = "Bearer another"
    await books.export_later(hours=1)
    await books.export_later(hours=40)
    assert [one.state for one in await books.exports()] == [ExportState.PLANNED]

    headers["Authorization"] = right
    await books.export_later(hours=1)
    assert books.counted() == 5


@pytest.mark.both_databases
@pytest.mark.parametrize("system", ["stripe", "aws_licences"])
async def test_processes_that_export_together_count_each_unit_once(books: Books) -> None:
    for hour in range(4):
        await books.call(2**hour)
        await books.call(1, GLOBEX)
        books.clock.advance(hours=1)
    await asyncio.gather(*(books.export() for _ in range(4)))
    await books.settle()

    assert (books.counted(ACME), books.counted(GLOBEX)) == (15, 4)


@pytest.mark.parametrize("system", ["cloud_events"])
async def test_units_planned_for_a_former_system_go_to_the_present_one(books: Books) -> None:
    await books.call(5)
    books.system.network.faults.append("unreachable")
    await books.export_later(hours=1)
    other = FakeMetronome(books.clock)
    books.exporting = replace(books.exporting, exporter=other.exporter)
    await books.export_later(minutes=5)
    await books.settle()
    await other.close()

    assert (books.counted(), other.total(books.book.customers[ACME])) == (0, 5)


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("call"), st.sampled_from([ACME, GLOBEX]), st.integers(1, 9)),
        st.tuples(st.just("late"), st.sampled_from([ACME, GLOBEX]), st.integers(1, 9)),
        st.tuples(st.just("fault"), st.sampled_from(FAULTS), st.just(0)),
        st.tuples(st.just("pass"), st.just(""), st.integers(1, 150)),
        st.tuples(st.just("kill"), st.just(""), st.just(0)),
        st.tuples(st.just("again"), st.just(""), st.just(0)),
    ),
    max_size=25,
)
_NUMBERS = itertools.count()


@each_system
@settings(max_examples=15)
@given(steps=_STEPS)
def test_in_any_order_of_events_the_totals_agree(
    system: str,
    steps: list[tuple[str, str, int]],
    seeded_sqlite: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file = tmp_path_factory.getbasetemp() / f"books_{system}_{next(_NUMBERS)}.db"
    shutil.copy(seeded_sqlite, file)
    asyncio.run(_play(file, SYSTEMS[system], steps))
    for part in file.parent.glob(f"{file.name}*"):
        part.unlink()


async def _play(
    file: Path, make: Callable[[Clock], System], steps: list[tuple[str, str, int]]
) -> None:
    clock = Clock()
    async with open_books(f"sqlite+aiosqlite:///{file}", clock, make(clock)) as books:
        await books.join(ACME, GLOBEX)
        events = [await books.call()]
        for kind, word, number in steps:
            match kind:
                case "call":
                    events.append(await books.call(number, word))
                case "late":
                    events.append(await books.call(number, word, at=events[0].at))
                case "fault":
                    books.system.network.faults.append(word)  # type: ignore[arg-type]
                case "pass":
                    await books.export_later(minutes=number)
                case "kill":
                    dying = replace(books.exporting, exporter=Dying(books.system.exporter))
                    with suppress(Killed):
                        await export_usage(dying)
                case "again":
                    await books.write(*events)
        books.system.network.faults.clear()
        await books.settle()
        told = await books.exports(ExportState.PARKED, ExportState.AMBIGUOUS)
        for tenant in (ACME, GLOBEX):
            missing = await books.used(tenant) - books.counted(tenant)
            # Nothing is counted twice. Only what an operator is told of may be missing: a system that
            # answered nothing for hours may have forgotten whether it counted something.
            assert 0 <= missing <= sum(one.units for one in told if one.tenant_id == tenant)
