"""What exporting to Stripe does about its rules: forgotten identifiers, periods, final invoices."""

from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import parse_qs

import pytest

from auth_server.exports.plan import NOT_SUBSCRIBED, TOO_OLD
from auth_server.exports.port import Customer
from auth_server.records.metered_hours.store import list_waiting_units
from auth_server.records.usage_exports.table import ExportState
from gatepost.metering.plans import hour_of
from support.exports.books import ACME, Books, open_books
from support.exports.network import Network
from support.exports.systems import FakeStripe
from support.in_process.clock import Clock


@pytest.fixture
async def books(database_url: str, clock: Clock) -> AsyncIterator[Books]:
    async with open_books(database_url, clock, FakeStripe(clock)) as opened:
        await opened.join(ACME)
        yield opened


def network(books: Books) -> Network:
    return books.system.network


def stripe(books: Books) -> FakeStripe:
    assert isinstance(books.system, FakeStripe)
    return books.system


async def subscribe(books: Books, **changes: object) -> None:
    """Tell that the tenant has had a subscription for a while."""
    customer = books.book.customers[ACME]
    start = books.clock() - timedelta(days=60)
    given = {"period_start": start, "subscribed_at": start, **changes}
    books.book.customers[ACME] = Customer(customer.name, **given)  # type: ignore[arg-type]


async def waiting(books: Books) -> dict[str, int]:
    """The units that belong to no export, by the reason."""
    async with books.database.reading() as db:
        return {one.problem: one.units for one in await list_waiting_units(db, most=10)}


async def test_each_attempt_has_a_key_of_its_own_and_the_same_identifier(books: Books) -> None:
    """Stripe repeats an error to the same idempotency key for a day."""
    await books.call(3)
    network(books).faults.append("error")
    await books.export_later(hours=1)
    await books.export_later(minutes=2)

    events = [one for one in network(books).sent if one.url.path.endswith("meter_events")]
    assert len({one.headers["idempotency-key"] for one in events}) == len(events) == 2
    assert len({parse_qs(one.content.decode())["identifier"][0] for one in events}) == 1
    assert books.counted() == 3


async def test_the_answer_that_an_identifier_is_known_is_a_success(books: Books) -> None:
    """Stripe answers it with an error, although it has counted the event."""
    await books.call(3)
    network(books).faults.append("lost")
    await books.export_later(hours=1)
    await books.export_later(minutes=2)

    (export,) = await books.exports()
    assert (export.state, export.attempts, export.problem) == (ExportState.CONFIRMED, 2, "")
    assert network(books).read == []


async def doubt(books: Books, fault: str) -> None:
    """Send an export whose answer never comes, and let Stripe forget its identifier."""
    await books.call(5)
    network(books).faults.append(fault)  # type: ignore[arg-type]
    await books.export_later(hours=1)
    network(books).faults.extend(["unreachable"] * 100)
    for _ in range(24):
        await books.export_later(hours=1)
    network(books).faults.clear()


async def test_an_export_that_stripe_forgot_is_found_in_the_total(books: Books) -> None:
    await doubt(books, "lost")
    await books.export_later(hours=1)

    assert [one.state for one in await books.exports()] == [ExportState.CONFIRMED]
    assert books.counted() == 5


@pytest.mark.both_databases
async def test_an_export_that_is_missing_for_a_day_is_sent_again_under_a_new_name(
    books: Books,
) -> None:
    await doubt(books, "unavailable")
    first = (await books.exports())[0]
    assert first.state == ExportState.AMBIGUOUS
    for _ in range(23):
        await books.export_later(hours=1)
    assert books.counted() == 0
    for _ in range(3):
        await books.export_later(hours=1)

    after = (await books.exports())[0]
    assert (after.state, after.units) == (ExportState.CONFIRMED, 5)
    assert after.identifier != first.identifier
    assert books.counted() == 5


async def test_a_total_that_shows_neither_is_left_to_an_operator(books: Books) -> None:
    await doubt(books, "unavailable")
    await stripe(books).client.v1.billing.meter_events.create_async(
        {
            "event_name": "units",
            "payload": {"stripe_customer_id": books.book.customers[ACME].name, "value": "3"},
            "timestamp": int((await books.exports())[0].at.timestamp()),
        }
    )
    for _ in range(60):
        await books.export_later(hours=1)

    export = (await books.exports())[0]
    assert export.state == ExportState.AMBIGUOUS
    assert export.problem == "the system counts 3 units in this hour, not 5"
    assert books.counted() == 3


async def test_stripe_down_for_two_days_costs_no_unit(books: Books) -> None:
    for _ in range(48):
        await books.call(2)
        network(books).faults.extend(["unavailable"] * 3)
        await books.export_later(hours=1)
    network(books).faults.clear()
    for _ in range(60):
        await books.export_later(hours=1)

    assert books.counted() == 96
    assert {one.state for one in await books.exports()} == {ExportState.CONFIRMED}


@pytest.mark.both_databases
async def test_an_hour_in_which_a_period_begins_is_divided(books: Books) -> None:
    hour = hour_of(books.clock()) + timedelta(hours=1)
    renewed = hour + timedelta(minutes=30, seconds=17)
    await subscribe(books, period_start=renewed, period_end=renewed + timedelta(days=30))
    await books.call(5, at=renewed - timedelta(seconds=1))
    await books.call(7, at=renewed)
    await books.export_later(hours=2)
    await books.call(1, at=renewed - timedelta(minutes=5))
    await books.export_later(minutes=1)

    exports = await books.exports()
    assert [(one.at, one.units) for one in exports] == [(hour, 5), (renewed, 7), (hour, 1)]
    assert books.counted() == 13


async def test_usage_after_the_invoice_is_final_counts_in_the_next_period(books: Books) -> None:
    late = books.clock()
    start = hour_of(late) + timedelta(hours=1)
    await subscribe(books, period_start=start)
    books.clock.advance(hours=3)
    await books.call(4, at=late)
    await books.export()

    export = (await books.exports())[0]
    assert (export.at, export.since) == (start, hour_of(late))
    assert books.counted() == 4


async def test_usage_that_could_not_be_sent_before_the_invoice_was_final_moves_too(
    books: Books,
) -> None:
    hour = hour_of(books.clock())
    start = hour + timedelta(hours=1)
    await subscribe(books, period_start=start)
    await books.call(4)
    network(books).faults.append("limited")
    await books.export_later(hours=1)
    assert (await books.exports())[0].at == hour
    for _ in range(3):
        await books.export_later(hours=1)

    exports = await books.exports()
    assert [(one.at, one.units, one.state) for one in exports] == [
        (start, 4, ExportState.CONFIRMED)
    ]
    assert books.counted() == 4


async def test_units_that_are_planned_again_never_take_the_name_of_another_export(
    books: Books,
) -> None:
    """The first part of an hour moves to the next period, while the second was exported."""
    hour = hour_of(books.clock()) + timedelta(hours=1)
    renewed = hour + timedelta(minutes=30)
    await subscribe(books, period_start=renewed)
    await books.call(5, at=hour)
    await books.call(7, at=renewed)
    network(books).faults.append("limited")
    await books.export_later(hours=2)
    for _ in range(3):
        await books.export_later(minutes=30)

    exports = await books.exports()
    assert [(one.since, one.at, one.units) for one in exports] == [
        (renewed, renewed, 7),
        (hour, renewed, 5),
    ]
    assert books.counted() == 12


async def test_usage_from_before_the_subscription_is_not_exported(books: Books) -> None:
    start = hour_of(books.clock()) + timedelta(minutes=30)
    await subscribe(books, period_start=start, subscribed_at=start)
    await books.call(9, at=start - timedelta(hours=5))
    await books.call(5, at=start - timedelta(minutes=1))
    await books.call(7, at=start + timedelta(minutes=1))
    await books.export_later(hours=1)
    await books.export_later(hours=1)
    assert books.counted() == 7
    assert await waiting(books) == {NOT_SUBSCRIBED: 14}

    await books.call(2, at=start + timedelta(minutes=2))
    await books.settle()
    assert books.counted() == 9
    assert await waiting(books) == {NOT_SUBSCRIBED: 14}


@pytest.mark.both_databases
async def test_a_backlog_is_planned_in_small_transactions(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth_server.exports.plan._MOST", 2)
    for _ in range(5):
        await books.call(1)
        books.clock.advance(hours=1)
    await books.export()

    assert books.counted() == 5


async def test_usage_that_is_too_old_is_kept_and_told(books: Books) -> None:
    await books.call(5, at=books.clock() - timedelta(days=36))
    await books.export()

    assert await waiting(books) == {TOO_OLD: 5}
    assert network(books).sent[-1].url.path.endswith("/customers")


async def test_usage_of_many_hours_is_sent_one_call_at_a_time(books: Books) -> None:
    """Stripe allows one call at a time for a customer and a meter."""
    for _ in range(5):
        await books.call(1)
        await books.call(1, meter="exports")
        books.clock.advance(hours=1)
    await books.export()

    assert books.counted() == 10
    assert {one.attempts for one in await books.exports()} == {1}


async def test_the_total_is_not_read_from_an_archived_meter_of_the_same_name(books: Books) -> None:
    """It would be less than what was sent, and what is missing would be sent again."""
    await books.call(3)
    since = hour_of(books.clock())
    await books.export_later(hours=1)
    account = stripe(books).account
    account.add("billing.meter", "mtr", event_name="units", status="inactive")

    until = since + timedelta(hours=1)
    customer = books.book.customers[ACME].name
    exporter = books.system.exporter
    assert await exporter.read_total(customer, "units", since=since, until=until) == 3
