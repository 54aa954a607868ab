"""What exporting to AWS Marketplace does about its rules: one record for an hour, and only for a while."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from auth_server.exports.aws_marketplace import AwsMarketplace
from auth_server.exports.aws_signing import NoCredentials
from auth_server.exports.port import Customer, Kind, Usage
from auth_server.records.usage_exports.table import ExportState
from gatepost.metering.plans import hour_of
from support.exports.aws import DIMENSION, URL, FakeAws
from support.exports.books import ACME, GLOBEX, Books, open_books
from support.in_process.clock import Clock


@pytest.fixture
async def books(sqlite_url: str, clock: Clock) -> AsyncIterator[Books]:
    async with open_books(sqlite_url, clock, FakeAws(clock, licensed=True)) as opened:
        await opened.join(ACME, GLOBEX)
        yield opened


def aws(books: Books) -> FakeAws:
    assert isinstance(books.system, FakeAws)
    return books.system


async def test_records_that_were_not_processed_are_sent_again(books: Books) -> None:
    await books.call(3)
    await books.call(4, GLOBEX)
    aws(books).leave_out = 1
    await books.export_later(hours=1)
    assert books.counted(ACME) + books.counted(GLOBEX) < 7
    await books.export_later(minutes=2)

    assert (books.counted(ACME), books.counted(GLOBEX)) == (3, 4)


async def test_a_record_that_somebody_else_sent_for_the_hour_is_told(books: Books) -> None:
    customer = books.book.customers[ACME]
    hour = int(hour_of(books.clock()).timestamp())
    aws(books).records[(customer.name, customer.licence, DIMENSION, hour)] = 99
    await books.call(3)
    await books.call(4, GLOBEX)
    await books.export_later(hours=1)

    (parked,) = await books.exports(ExportState.PARKED)
    assert (parked.units, parked.problem) == (3, "DuplicateRecord")
    assert books.counted(GLOBEX) == 4


async def test_a_tenant_whose_subscription_ended_is_told(books: Books) -> None:
    books.book.customers[ACME] = Customer("999999999999", "arn:aws:license-manager::1:license:l-9")
    await books.call(3)
    await books.call(4, GLOBEX)
    await books.export_later(hours=1)

    (parked,) = await books.exports(ExportState.PARKED)
    assert (parked.tenant_id, parked.problem) == (ACME, "CustomerNotSubscribed")
    assert books.counted(GLOBEX) == 4


async def test_more_units_than_aws_takes_are_told_and_not_sent(books: Books) -> None:
    await books.call(2**31)
    await books.export_later(hours=1)

    (parked,) = await books.exports(ExportState.PARKED)
    assert parked.problem == "AWS takes at most 2147483647 units in an hour"
    assert books.system.network.sent == []


async def test_usage_from_half_a_day_without_aws_is_reported_in_later_hours(books: Books) -> None:
    for _ in range(12):
        await books.call(2)
        books.system.network.faults.extend(["unreachable"] * 30)
        await books.export_later(hours=1)
    books.system.network.faults.clear()
    for _ in range(10):
        await books.export_later(hours=1)

    assert books.counted() == 24
    assert {one.state for one in await books.exports()} == {ExportState.CONFIRMED}


async def test_usage_counts_from_the_time_at_which_the_customer_was_linked(books: Books) -> None:
    customer = books.book.customers[ACME]
    linked = hour_of(books.clock()) + timedelta(minutes=30)
    books.book.customers[ACME] = Customer(customer.name, customer.licence, subscribed_at=linked)
    await books.call(3, at=linked - timedelta(hours=2))
    await books.call(4, at=linked - timedelta(seconds=1))
    await books.call(5, at=linked)
    await books.settle()

    assert books.counted() == 5


async def test_without_credentials_nothing_is_sent_and_nothing_is_lost(clock: Clock) -> None:
    async def sign(*_: object) -> dict[str, str]:
        raise NoCredentials("no credentials of AWS were found")

    system = FakeAws(clock, licensed=True)
    exporter = AwsMarketplace(system._http, URL, sign=sign, dimensions={})
    usage = Usage("one", ACME, await system.join(ACME), "calls", clock(), 1)
    attempts = await exporter.send([usage])
    await system.close()

    assert attempts["one"].kind is Kind.LATER
    assert attempts["one"].problem == "no credentials of AWS were found"
    assert system.network.sent == []
