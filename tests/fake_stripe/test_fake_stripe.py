"""The imitation of Stripe behaves as Stripe documents, seen through the official library."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest
import stripe

from auth_server.billing.http_client import StripeHttp
from fake_stripe.account import Account, Destination
from fake_stripe.app import create_app
from fake_stripe.subscriptions import advance
from fake_stripe.webhooks import deliver
from support.in_process.clock import Clock


class World:
    """An account, a client of it, and somebody's browser."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.account = Account(now=clock)
        transport = httpx2.ASGITransport(app=create_app(self.account))
        self.browser = httpx2.AsyncClient(transport=transport, base_url=self.account.url)
        self.slept: list[float] = []

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        self.http = StripeHttp(transport, sleep)
        self.api = stripe.StripeClient(
            "sk_test_fake",
            http_client=self.http,
            max_network_retries=2,
            base_addresses={"api": self.account.url, "meter_events": self.account.url},
        ).v1

    async def customer(self) -> str:
        return (await self.api.customers.create_async({"name": "Acme"})).id

    async def meter(self) -> str:
        made = await self.api.billing.meters.create_async(
            {
                "display_name": "Units",
                "event_name": "units",
                "default_aggregation": {"formula": "sum"},
            }
        )
        return made.id

    async def report(self, customer: str, value: int, identifier: str, **more: Any) -> None:
        payload = {"stripe_customer_id": customer, "value": str(value)}
        event: Any = {"event_name": "units", "payload": payload, "identifier": identifier, **more}
        await self.api.billing.meter_events.create_async(event)

    async def total(self, meter: str, customer: str) -> float:
        now = self.account.time() // 60 * 60
        page = await self.api.billing.meters.event_summaries.list_async(
            meter, {"customer": customer, "start_time": now - 3600, "end_time": now + 60}
        )
        return sum(summary.aggregated_value for summary in page.data)

    async def subscribe(self, customer: str, card: str = "works") -> None:
        await self.api.products.create_async({"id": "p", "name": "Pro"})
        price = await self.api.prices.create_async(
            {
                "product": "p",
                "currency": "usd",
                "unit_amount_decimal": Decimal(4900),
                "recurring": {"interval": "month"},
            }
        )
        session = await self.api.checkout.sessions.create_async(
            {
                "mode": "subscription",
                "customer": customer,
                "line_items": [{"price": price.id, "quantity": 1}],
                "success_url": "http://here.test/paid",
            }
        )
        assert "49.00 USD a month" in (await self.browser.get(str(session.url))).text
        paid = await self.browser.post(str(session.url), data={"action": "pay", "value": card})
        assert (paid.status_code, paid.headers.get("location")) == (303, "http://here.test/paid")

    async def status(self, customer: str) -> str:
        page = await self.api.subscriptions.list_async({"customer": customer, "status": "all"})
        return page.data[0].status

    async def pass_time(self, days: float) -> None:
        self.clock.advance(days=days)
        advance(self.account)


@pytest.fixture
async def world(clock: Clock) -> AsyncIterator[World]:
    """An empty account."""
    made = World(clock)
    yield made
    await made.browser.aclose()
    await made.http.close_async()


async def test_a_wrong_key_is_refused(world: World) -> None:
    client = stripe.StripeClient(
        "sk_test_other", http_client=world.http, base_addresses={"api": world.account.url}
    )
    with pytest.raises(stripe.AuthenticationError):
        await client.v1.customers.create_async({})


async def test_an_idempotency_key_repeats_the_answer_and_refuses_another_body(world: World) -> None:
    options: Any = {"idempotency_key": "one"}
    first = await world.api.customers.create_async({"name": "Acme"}, options)
    again = await world.api.customers.create_async({"name": "Acme"}, options)

    assert first.id == again.id
    with pytest.raises(stripe.IdempotencyError):
        await world.api.customers.create_async({"name": "Globex"}, options)


@pytest.mark.parametrize("fault", ["refused", "lost"])
async def test_a_retry_by_the_library_makes_one_object(world: World, fault: str) -> None:
    world.account.faults.calls.append((fault, "/v1/customers"))

    await world.customer()

    assert len(list(world.account.every("customer"))) == len(world.slept) == 1


async def test_an_error_after_applying_is_repeated_to_every_retry(world: World) -> None:
    world.account.faults.calls.append(("error", "/v1/customers"))

    with pytest.raises(stripe.APIError):
        await world.customer()
    assert len(list(world.account.every("customer"))) == 1


async def test_a_lookup_key_moves_only_if_asked_to(world: World) -> None:
    await world.api.products.create_async({"id": "p", "name": "Pro"})
    price: Any = {
        "product": "p",
        "currency": "usd",
        "unit_amount_decimal": Decimal(100),
        "lookup_key": "pro",
        "recurring": {"interval": "month"},
    }
    await world.api.prices.create_async(price)

    with pytest.raises(stripe.InvalidRequestError):
        await world.api.prices.create_async(price)
    price["transfer_lookup_key"] = True
    newer = await world.api.prices.create_async(price)
    found = await world.api.prices.list_async({"lookup_keys": ["pro"]})
    assert [one.id for one in found.data] == [newer.id]


async def test_a_meter_refuses_an_identifier_again_for_a_day_only(world: World) -> None:
    customer, meter = await world.customer(), await world.meter()
    await world.report(customer, 3, "a")

    with pytest.raises(stripe.InvalidRequestError, match="already exists with identifier a"):
        await world.report(customer, 3, "a")
    assert await world.total(meter, customer) == 3
    world.clock.advance(hours=24)
    await world.report(customer, 4, "a")
    assert await world.total(meter, customer) == 4


async def test_a_meter_takes_one_call_at_a_time_for_a_customer(world: World) -> None:
    customer, meter = await world.customer(), await world.meter()

    async def report(identifier: str) -> str:
        try:
            await world.report(customer, 1, identifier)
        except stripe.RateLimitError:
            return "limited"
        return "taken"

    answers = await asyncio.gather(report("a"), report("b"))
    assert sorted(answers) == ["limited", "taken"]
    assert await world.total(meter, customer) == 1


@pytest.mark.parametrize("age", [timedelta(days=36), timedelta(minutes=-6)])
async def test_a_meter_refuses_times_too_far_away(world: World, age: timedelta) -> None:
    customer, _ = await world.customer(), await world.meter()
    at = int((world.clock() - age).timestamp())

    with pytest.raises(stripe.InvalidRequestError, match="timestamp"):
        await world.report(customer, 1, "a", timestamp=at)


async def test_usage_of_an_unknown_customer_is_reported_later_by_a_thin_event(world: World) -> None:
    await world.meter()
    await world.report("cus_nobody", 1, "a")
    world.account.destinations.append(Destination("http://here.test/", ("whsec_a",), thin=True))
    posted = []

    async def post(url: str, body: bytes, headers: dict[str, str]) -> int:
        posted.append((body, headers["Stripe-Signature"]))
        return 200

    await deliver(world.account, post)
    body, signature = posted[0]
    stripe.WebhookSignature.verify_header(body, signature, "whsec_a", None)
    event = json.loads(body)
    assert event["type"] == "v1.billing.meter.error_report_triggered"
    answer = await world.browser.get(
        f"/v2/core/events/{event['id']}", headers={"Authorization": "Bearer sk_test_fake"}
    )
    (kind,) = answer.json()["data"]["reason"]["error_types"]
    assert kind["code"] == "meter_event_customer_not_found"
    assert kind["sample_errors"][0]["request"]["identifier"] == "a"


async def test_a_subscription_renews_and_has_its_period_on_the_items(world: World) -> None:
    customer = await world.customer()
    await world.subscribe(customer)
    before = world.account.time()

    await world.pass_time(32)

    (subscription,) = (await world.api.subscriptions.list_async({"customer": customer})).data
    assert "current_period_end" not in subscription
    assert subscription["items"].data[0].current_period_end > before + 32 * 86_400
    assert len((await world.api.invoices.list_async({"customer": customer})).data) == 2


@pytest.mark.parametrize("end", ["unpaid", "canceled"])
async def test_a_failing_card_walks_through_dunning(world: World, end: Any) -> None:
    world.account.after_dunning = end
    customer = await world.customer()
    await world.subscribe(customer, "fails")
    states = [await world.status(customer)]
    (item,) = next(world.account.every("subscription"))["items"]["data"]
    left = (item["current_period_end"] - world.account.time()) / 86_400
    for days in (left + 0.01, 3, 2, 2):
        await world.pass_time(days)
        states.append(await world.status(customer))

    assert states == ["active", "past_due", "past_due", "past_due", end]


async def test_a_declined_card_leaves_checkout_open(world: World) -> None:
    customer = await world.customer()
    with pytest.raises(AssertionError, match="402"):
        await world.subscribe(customer, "declined")
    assert not (await world.api.subscriptions.list_async({"customer": customer})).data
