"""What happens to a tenant that buys credit, and whose payment is refunded or disputed."""

from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal

import pytest

from auth_server.billing.errors import AlreadySubscribed, BillingError
from auth_server.billing.inbox import maintain_billing
from auth_server.billing.prices import plan_changes
from auth_server.billing.refresh_account import refresh_account
from auth_server.gateway_api.write_calls import write_calls
from auth_server.records.plans.terms import FREE, PRO, Price, PriceStep
from auth_server.records.tenants.store import change_plan, lock_tenant
from support.in_process.call_events import call_event
from support.in_process.clock import Clock
from support.in_process.stripe import TENANT, Shop, running_shop

PREPAID = FREE.model_copy(
    update={
        "price": Price(
            steps=(PriceStep(unit_price=Decimal("0.25")),),
            credits=(Decimal(20), Decimal("49.50")),
            credit_days=90,
        )
    }
)


@pytest.fixture
async def shop(sqlite_url: str, clock: Clock) -> AsyncIterator[Shop]:
    """A shop whose free plan sells credit."""
    async with running_shop(sqlite_url, clock) as made:
        await made.offer(PREPAID, PRO)
        await made.sync()
        yield made


async def use(shop: Shop, units: int, at: datetime | None = None) -> None:
    """Let Globex use units a second later, or write a call of another time."""
    shop.clock.advance(seconds=1)
    event = call_event(at or shop.clock(), tenant_id=TENANT, cost=units)
    async with shop.billing.transaction() as db:
        await write_calls(db, [event], now=shop.clock())


@pytest.mark.parametrize("thin", [False, True])
@pytest.mark.parametrize("fault", ["", "duplicate_events", "reverse_events"])
async def test_credit_arrives_once_however_its_events_come(
    sqlite_url: str, clock: Clock, thin: bool, fault: str
) -> None:
    async with running_shop(sqlite_url, clock, thin=thin) as shop:
        await shop.offer(PREPAID, PRO)
        if fault:
            setattr(shop.stripe.faults, fault, True)
        await shop.buy_credit("49.50")

        assert await shop.credit() == Decimal("49.50")
        assert await shop.plan() == "free"
        shop.clock.advance(days=91)
        assert await shop.credit() == 0


async def test_a_lost_event_is_made_up_for_by_the_daily_sweep(shop: Shop) -> None:
    shop.stripe.faults.drop_events = 100
    await shop.buy_credit("20")
    assert await shop.credit() == 0
    shop.clock.advance(days=2)

    await maintain_billing(shop.billing)

    assert await shop.credit() == 20


async def test_a_refund_takes_the_rest_back_and_spent_credit_stays_spent(shop: Shop) -> None:
    charge = await shop.buy_credit("20")
    await use(shop, 30)
    assert await shop.credit() == Decimal("12.50")

    await shop.click_home("refund", charge)
    await refresh_account(shop.billing, TENANT)

    assert await shop.credit() == 0


async def test_a_refund_of_a_payment_behind_hundreds_of_newer_ones_counts(shop: Shop) -> None:
    charge = await shop.buy_credit("20")
    (payment,) = shop.stripe.every("payment_intent")
    newer = {name: value for name, value in payment.items() if name not in {"id", "object"}}
    for _ in range(250):
        shop.stripe.add("payment_intent", "pi", **{**newer, "metadata": {}})

    await shop.click_home("refund", charge)
    await refresh_account(shop.billing, TENANT)

    assert await shop.credit() == 0


async def test_credit_is_not_sold_where_another_system_bills_all_usage(
    sqlite_url: str, clock: Clock
) -> None:
    elsewhere = {"kind": "cloud_events", "url": "https://usage.example/events"}
    async with running_shop(sqlite_url, clock, usage_export=elsewhere) as shop:
        await shop.offer(PREPAID, PRO)
        with pytest.raises(BillingError, match="can't be bought"):
            await shop.buy_credit("20")


async def test_a_partial_refund_takes_its_amount_once(shop: Shop) -> None:
    await shop.buy_credit("20")
    (payment,) = shop.stripe.every("payment_intent")
    body = {"payment_intent": payment["id"], "amount": "500"}
    refund = await shop.browser.post(
        "/v1/refunds", data=body, headers={"Authorization": "Bearer sk_test_fake"}
    )
    assert refund.status_code == 200
    await shop.deliver()
    await refresh_account(shop.billing, TENANT)

    assert await shop.credit() == 15


async def test_a_dispute_takes_the_rest_back(shop: Shop) -> None:
    charge = await shop.buy_credit("20")
    await shop.click_home("dispute", charge)

    assert await shop.credit() == 0


async def test_only_amounts_on_offer_can_be_bought(shop: Shop) -> None:
    with pytest.raises(BillingError, match="can't be bought"):
        await shop.buy_credit("21")


async def test_a_subscriber_keeps_its_credit_and_buys_no_more(shop: Shop) -> None:
    await shop.buy_credit("20")
    await shop.offer(PREPAID, PRO.model_copy(update={"price": PREPAID.price}))
    await shop.sync()
    await shop.buy("pro")

    await use(shop, 30)

    assert await shop.credit() == 20
    with pytest.raises(AlreadySubscribed):
        await shop.buy_credit("20")


METERED = PRO.model_copy(
    update={
        "overage": True,
        "price": Price(monthly=Decimal(49), steps=(PriceStep(unit_price=Decimal("0.1")),)),
    }
)


async def subscribe(shop: Shop) -> None:
    """Let Globex, which has 20 dollars of credit, subscribe a minute later."""
    await shop.offer(PREPAID, METERED)
    await shop.sync()
    await shop.buy_credit("20")
    shop.clock.advance(seconds=60)
    await shop.buy("pro")


async def test_a_call_from_a_subscription_that_has_ended_is_not_paid_by_credit_too(
    shop: Shop,
) -> None:
    await subscribe(shop)
    during = shop.clock()
    await shop.click_in_portal("cancel")
    await shop.pass_days(await shop.days_left())
    assert await shop.plan() == "free"

    await use(shop, 10, during)
    assert await shop.credit() == 20
    await use(shop, 10)
    assert await shop.credit() == Decimal("17.50")


async def test_a_call_from_before_a_subscription_is_paid_by_credit(shop: Shop) -> None:
    await subscribe(shop)
    credit = next(shop.stripe.every("payment_intent"))

    await use(shop, 10, datetime.fromtimestamp(credit["created"] + 1, shop.clock().tzinfo))

    assert await shop.credit() == 19


async def test_an_unpaid_subscription_still_bills_what_credit_would_pay_for(shop: Shop) -> None:
    await subscribe(shop)
    (subscription,) = shop.stripe.every("subscription")
    subscription["status"] = "unpaid"
    await refresh_account(shop.billing, TENANT)
    assert await shop.plan() == "free"

    await use(shop, 10)

    assert await shop.credit() == 20
    with pytest.raises(AlreadySubscribed):
        await shop.buy_credit("20")


async def test_gateways_hear_of_a_subscription_to_the_plan_that_the_operator_gave(
    shop: Shop,
) -> None:
    async with shop.billing.transaction() as db:
        tenant = await lock_tenant(db, TENANT)
        assert tenant is not None
        change_plan(tenant, "pro", now=shop.clock())
    shop.clock.advance(seconds=60)

    await shop.buy("pro")

    async with shop.billing.transaction() as db:
        tenant = await lock_tenant(db, TENANT)
    assert tenant is not None
    assert tenant.plan_changed_at == shop.clock()


async def test_a_payment_with_unreadable_metadata_keeps_nothing_else_waiting(shop: Shop) -> None:
    await subscribe(shop)
    (subscription,) = shop.stripe.every("subscription")
    subscription["status"] = "canceled"
    (payment,) = shop.stripe.every("payment_intent")
    payment["metadata"]["gatepost_credit_days"] = "a year"
    shop.clock.advance(days=2)

    await maintain_billing(shop.billing)

    assert await shop.plan() == "free"


def test_credit_with_a_third_decimal_that_stripe_refuses_is_not_offered() -> None:
    with pytest.raises(ValueError, match=r"multiple of 0\.01"):
        Price(currency="kwd", steps=PREPAID.price.steps, credits=(Decimal("1.505"),))


@pytest.mark.parametrize(
    ("currency", "amount", "paid"),
    [("jpy", "1500", 1500), ("ugx", "1500", 150_000), ("kwd", "1.500", 1500), ("eur", "49", 4900)],
)
async def test_an_amount_is_paid_in_the_smallest_unit_of_its_currency(
    shop: Shop, currency: str, amount: str, paid: int
) -> None:
    price = Price(
        currency=currency, steps=(PriceStep(unit_price=Decimal(1)),), credits=(Decimal(amount),)
    )
    await shop.offer(FREE.model_copy(update={"price": price}), PRO)
    await shop.buy_credit(amount)

    (payment,) = shop.stripe.every("payment_intent")
    assert payment["amount"] == paid
    assert await shop.credit(currency) == Decimal(amount)


async def test_an_archived_product_names_the_command_that_brings_it_back(shop: Shop) -> None:
    shop.stripe.find("product", "gatepost_pro")["active"] = False

    with pytest.raises(BillingError, match="gatepost billing sync"):
        await shop.go_to_checkout()
    assert await shop.sync() == ["bring the archived product gatepost_pro back"]
    assert await plan_changes(shop.billing.stripe, (PREPAID, PRO)) == []
    await shop.buy()
    assert await shop.plan() == "pro"


async def test_usage_before_the_first_payment_succeeds_is_not_exported(shop: Shop) -> None:
    await shop.buy()
    (subscription,) = shop.stripe.every("subscription")
    began = (await shop.account()).subscribed_at
    subscription["status"] = "incomplete"

    await refresh_account(shop.billing, TENANT)

    assert began is not None
    assert (await shop.account()).subscribed_at is None
