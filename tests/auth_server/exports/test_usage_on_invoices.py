"""Usage reaches the invoices of tenants that bought a plan."""

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from auth_server.exports.exporting import Exporting
from auth_server.exports.open import opened_exports
from auth_server.exports.run import export_usage
from auth_server.gateway_api.write_calls import write_calls
from auth_server.records.plans.terms import FREE, PRO, Price, PriceStep
from auth_server.records.usage_exports.store import list_exports
from auth_server.records.usage_exports.table import ExportState, UsageExport
from support.in_process.call_events import call_event
from support.in_process.clock import Clock
from support.in_process.stripe import TENANT, Shop, running_shop

METERED = PRO.model_copy(
    update={
        "overage": True,
        "price": Price(
            monthly=Decimal(20),
            included_units=100,
            steps=(PriceStep(unit_price=Decimal("0.01")),),
        ),
    }
)


@pytest.fixture
async def shop(database_url: str, clock: Clock) -> AsyncIterator[Shop]:
    """A shop that sells a plan with a price for each unit, and hears thin events."""
    export = {"kind": "stripe"}
    async with running_shop(database_url, clock, thin=True, usage_export=export) as made:
        await made.offer(FREE, METERED)
        await made.sync()
        yield made


@pytest.fixture
async def exporting(shop: Shop) -> AsyncIterator[Exporting]:
    async with opened_exports(shop.server.opened, shop.billing) as opened:
        assert opened is not None
        yield opened


async def call(shop: Shop, units: int) -> None:
    """Make one call that costs units."""
    event = call_event(shop.clock(), tenant_id=TENANT, cost=units, meter="calls")
    async with shop.billing.transaction() as db:
        await write_calls(db, [event], now=shop.clock())


async def exports(shop: Shop) -> list[UsageExport]:
    """List all exports, the oldest first."""
    async with shop.billing.database.reading() as db:
        return list(reversed(await list_exports(db, tuple(ExportState), most=100)))


async def test_a_month_of_calls_is_on_the_invoice(shop: Shop, exporting: Exporting) -> None:
    """Calls before the purchase cost nothing, and each one after it counts once."""
    await call(shop, 500)
    shop.clock.advance(minutes=1)
    await shop.buy()
    for _ in range(10):
        shop.clock.advance(hours=3)
        await call(shop, 25)
        await export_usage(exporting)
    shop.clock.advance(hours=2)
    await export_usage(exporting)
    await shop.pass_days(await shop.days_left())

    newest = next(shop.stripe.every("invoice"))
    assert newest["total"] == METERED.price.of(250) * 100 == 2150


@pytest.mark.both_databases
async def test_an_export_that_stripe_reports_as_wrong_is_parked(
    shop: Shop, exporting: Exporting
) -> None:
    await shop.buy()
    customer = shop.stripe.objects.pop((await shop.account()).customer_id)
    await call(shop, 5)
    shop.clock.advance(hours=2)
    await export_usage(exporting)
    assert [one.state for one in await exports(shop)] == [ExportState.CONFIRMED]
    await shop.deliver()

    found = await exports(shop)
    assert [(one.state, one.problem) for one in found] == [
        (ExportState.PARKED, "meter_event_customer_not_found")
    ]
    shop.stripe.objects[customer["id"]] = customer


@pytest.mark.both_databases
async def test_a_report_that_names_no_export_has_all_of_its_time_compared(
    shop: Shop, exporting: Exporting
) -> None:
    """Reports hold samples only, so those that are missing at Stripe are found by the total."""
    await shop.buy()
    customer = shop.stripe.objects.pop((await shop.account()).customer_id)
    await call(shop, 5)
    shop.clock.advance(hours=2)
    await export_usage(exporting)
    shop.stripe.objects[customer["id"]] = customer
    report = shop.stripe.events[-1]["data"]["reason"]["error_types"][0]
    report["sample_errors"][0]["request"]["identifier"] = "another"
    await shop.deliver()
    for _ in range(27):
        shop.clock.advance(hours=1)
        await export_usage(exporting)

    assert [one.state for one in await exports(shop)] == [ExportState.CONFIRMED]
    assert sum(event["value"] for event in shop.stripe.usage) == 5


async def test_prices_of_units_that_nobody_counts_are_warned_of(
    sqlite_url: str, clock: Clock
) -> None:
    async with running_shop(sqlite_url, clock) as shop:
        with capture_logs() as quiet:
            async with opened_exports(shop.server.opened, shop.billing):
                pass
        await shop.offer(FREE, METERED)
        with capture_logs() as logs:
            async with opened_exports(shop.server.opened, shop.billing):
                pass

    assert quiet == []
    assert [(one["event"], one["plans"]) for one in logs] == [("usage_without_export", ["pro"])]


async def test_a_server_opens_the_system_that_its_settings_name(
    sqlite_url: str, clock: Clock
) -> None:
    """The server starts with each system in its settings."""
    systems: list[dict[str, Any]] = [
        {"kind": "metronome", "token": "secret"},
        {"kind": "cloud_events", "url": "https://meter.example/events"},
        {"kind": "aws_marketplace", "dimensions": {"calls": "units"}},
    ]
    for export in systems:
        async with (
            running_shop(sqlite_url, clock, usage_export=export) as shop,
            opened_exports(shop.server.opened, shop.billing) as opened,
        ):
            assert opened is not None
            assert opened.exporter.name == export["kind"]
            assert opened.exporter.rules.accepts > timedelta(hours=1)
