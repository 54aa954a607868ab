"""What happens to a tenant that pays, cancels, or does not pay."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from auth_server.billing.errors import AlreadySubscribed, BillingError, BillingUnavailable
from auth_server.billing.inbox import maintain_billing
from auth_server.billing.prices import plan_changes
from auth_server.billing.refresh_account import refresh_account
from auth_server.billing.webhook import WEBHOOK_PATH
from auth_server.records.plans.terms import FREE, PRO, SHIPPED, PlanTerms, Price, PriceStep
from fake_stripe.account import Destination
from fake_stripe.webhooks import sign
from support.in_process.auth_server import ISSUER
from support.in_process.clock import Clock
from support.in_process.operator import add
from support.in_process.stripe import SECRET, TENANT, Shop, running_shop

HYBRID = PRO.model_copy(
    update={
        "name": "team",
        "title": "Team",
        "overage": True,
        "price": Price(
            monthly=Decimal(20),
            included_units=1000,
            steps=(
                PriceStep(up_to=5000, unit_price=Decimal("0.01")),
                PriceStep(unit_price=Decimal("0.0005")),
            ),
        ),
    }
)


@pytest.fixture
async def shop(sqlite_url: str, clock: Clock) -> AsyncIterator[Shop]:
    """A server whose prices are at Stripe."""
    async with running_shop(sqlite_url, clock) as made:
        await made.sync()
        yield made


async def test_a_tenant_on_free_pays_at_checkout_and_has_pro(shop: Shop) -> None:
    await shop.buy()

    assert await shop.plan() == "pro"
    account = await shop.account()
    assert (account.status, account.plan, account.ends_at) == ("active", "pro", None)
    assert account.period_end is not None and account.period_end > shop.clock()


@pytest.mark.both_databases
async def test_thin_events_bring_the_plan_and_the_sweep_finds_its_end(
    database_url: str, clock: Clock
) -> None:
    async with running_shop(database_url, clock, thin=True) as shop:
        await shop.sync()
        await shop.buy()
        bought = await shop.plan()
        await shop.click_in_portal("cancel")
        shop.stripe.faults.drop_events = 100
        await shop.pass_days(32)
        await maintain_billing(shop.billing)

        assert (bought, await shop.plan()) == ("pro", "free")


async def test_a_tenant_that_cancels_keeps_its_plan_until_the_period_ends(shop: Shop) -> None:
    await shop.buy()
    await shop.click_in_portal("cancel")
    before, account = await shop.plan(), await shop.account()
    await shop.pass_days(32)

    assert (before, await shop.plan()) == ("pro", "free")
    assert account.ends_at == account.period_end
    assert (await shop.account()).status == "canceled"


async def test_a_tenant_that_changes_its_mind_keeps_its_plan(shop: Shop) -> None:
    await shop.buy()
    await shop.click_in_portal("cancel")
    await shop.click_in_portal("keep")
    await shop.pass_days(32)

    assert (await shop.plan(), (await shop.account()).status) == ("pro", "active")


@pytest.mark.parametrize("end", ["unpaid", "canceled"])
async def test_a_failed_payment_leaves_the_plan_until_the_last_retry(shop: Shop, end: str) -> None:
    shop.stripe.after_dunning = end  # type: ignore[assignment]
    await shop.buy(card="fails")
    walked = []
    for days in (await shop.days_left(), 3, 2, 2):
        await shop.pass_days(days)
        walked.append(((await shop.account()).status, await shop.plan()))

    assert walked == [("past_due", "pro")] * 3 + [(end, "free")]


async def test_a_new_card_ends_the_dunning(shop: Shop) -> None:
    await shop.buy(card="fails")
    for days in (await shop.days_left(), 3, 2, 2):
        await shop.pass_days(days)
    assert await shop.plan() == "free"

    await shop.click_in_portal("card", "works")

    assert (await shop.plan(), (await shop.account()).status) == ("pro", "active")


async def test_events_that_come_twice_and_in_reverse_change_nothing(shop: Shop) -> None:
    shop.stripe.faults.duplicate_events = True
    shop.stripe.faults.reverse_events = True
    await shop.buy()
    await shop.click_in_portal("cancel")
    await shop.pass_days(32)

    assert (await shop.plan(), (await shop.account()).status) == ("free", "canceled")


async def test_an_old_event_that_arrives_late_does_not_bring_the_plan_back(shop: Shop) -> None:
    shop.stripe.faults.hold_events = True
    await shop.buy()
    held, shop.stripe.outbox = shop.stripe.outbox, []
    shop.stripe.faults.hold_events = False
    await refresh_account(shop.billing, TENANT)
    await shop.click_in_portal("cancel")
    await shop.pass_days(32)
    shop.stripe.outbox = held

    assert set(await shop.deliver()) == {200}
    assert await shop.plan() == "free"


async def test_the_daily_sweep_finds_what_no_event_told(shop: Shop) -> None:
    await shop.buy()
    await shop.click_in_portal("cancel")
    shop.stripe.faults.drop_events = 100
    await shop.pass_days(32)
    assert await shop.plan() == "pro"

    await maintain_billing(shop.billing)

    assert await shop.plan() == "free"


async def test_an_event_that_could_not_be_processed_is_tried_again(shop: Shop) -> None:
    await shop.pay(await shop.go_to_checkout())
    # The first read and its three retries, for each event about this customer.
    shop.stripe.faults.calls += [("refused", "/v1/")] * 12
    await shop.deliver()
    shop.stripe.faults.calls.clear()
    shop.clock.advance(minutes=1)
    await maintain_billing(shop.billing)

    assert await shop.plan() == "pro"


async def test_both_secrets_count_while_one_is_rolled(shop: Shop) -> None:
    """Stripe signs with both, and afterwards with the new one alone."""
    url = f"{ISSUER}{WEBHOOK_PATH}"
    shop.stripe.destinations = [Destination(url, (SECRET, "whsec_second"))]
    await shop.buy()
    assert await shop.plan() == "pro"

    shop.stripe.destinations = [Destination(url, ("whsec_second",))]
    await shop.click_in_portal("cancel")

    assert (await shop.account()).ends_at is not None


@pytest.mark.parametrize(("secret", "late"), [("whsec_other", 0), (SECRET, 301), (SECRET, -301)])
async def test_an_event_with_a_wrong_or_old_signature_is_refused_a152(
    shop: Shop, secret: str, late: int
) -> None:
    body = b'{"id":"evt_1","object":"event","type":"x","data":{"object":{}}}'
    headers = {"Stripe-Signature": sign(body, (secret,), shop.stripe.time() - late)}

    answer = await shop.server.http.post(WEBHOOK_PATH, content=body, headers=headers)

    assert answer.status_code == 400
    assert secret not in answer.text


@pytest.mark.parametrize(
    "signature",
    [
        b"t=1,v1=\xe9",
        b"t=1,v1=",
        b"t=,v1=a",
        b"v1=a",
        b"t=1=2,v1=a",
        b"t=" + b"9" * 5_000 + b",v1=a",
    ],
)
async def test_a_signature_that_is_none_is_refused(shop: Shop, signature: bytes) -> None:
    headers = {b"Stripe-Signature": signature}

    answer = await shop.server.http.post(WEBHOOK_PATH, content=b"{}", headers=headers)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_the_period_is_that_of_the_plan_and_not_of_an_operators_addition(shop: Shop) -> None:
    await shop.buy()
    before = (await shop.account()).period_end
    (subscription,) = shop.stripe.every("subscription")
    items = subscription["items"]["data"]
    price = {**items[0]["price"], "id": "price_support", "metadata": {}}
    ends = items[0]["current_period_end"] + 86_400
    items.insert(0, {**items[0], "id": "si_support", "price": price, "current_period_end": ends})

    await refresh_account(shop.billing, TENANT)

    assert ((await shop.account()).period_end, await shop.plan()) == (before, "pro")


async def test_a_second_sync_changes_nothing(shop: Shop) -> None:
    await shop.offer(*SHIPPED, HYBRID)

    first, second = await shop.sync(), await shop.sync()

    assert [said.split(":")[0] for said in first] == [
        "create the meter gatepost_units",
        "create the product gatepost_team, named Team",
        "create the price gatepost_team_flat",
        "create the price gatepost_team_usage",
    ]
    assert second == []


async def test_a_changed_price_replaces_the_old_one_and_keeps_its_name(shop: Shop) -> None:
    dearer = PRO.model_copy(update={"price": Price(monthly=Decimal("59.50"))})
    await shop.offer(FREE, dearer)

    assert await shop.sync() == ["replace the price gatepost_pro_flat: 59.50 USD a month"]
    (price,) = shop.stripe.every("price", lookup_key="gatepost_pro_flat")
    assert price["unit_amount_decimal"] == "5950"


async def test_a_hybrid_plan_is_bought_as_a_flat_and_a_metered_price(shop: Shop) -> None:
    await shop.offer(FREE, HYBRID)
    await shop.sync()
    await shop.buy("team")

    (subscription,) = shop.stripe.every("subscription")
    items = subscription["items"]["data"]
    assert [item.get("quantity") for item in items] == [1, None]
    assert [tier["up_to"] for tier in items[1]["price"]["tiers"]] == [1000, 5000, None]
    assert await shop.plan() == "team"


async def test_nobody_pays_twice(shop: Shop) -> None:
    older, newer = await shop.go_to_checkout(), await shop.go_to_checkout()
    await shop.pay(newer)
    refused = await shop.browser.post(older, data={"action": "pay", "value": "works"})

    assert refused.status_code == 400
    # The webhook has not arrived yet.
    with pytest.raises(AlreadySubscribed):
        await shop.go_to_checkout()


async def test_two_admins_who_click_at_once_get_one_page_that_can_be_paid(shop: Shop) -> None:
    # One of them waits for Stripe while the other goes on.
    shop.stripe.faults.calls.append(("hang", "/v1/checkout/sessions"))
    shop.stripe.faults.hang_seconds = 0.3
    urls = await asyncio.gather(shop.go_to_checkout(), shop.go_to_checkout())

    pay = {"action": "pay", "value": "works"}
    paid = [(await shop.browser.post(url, data=pay)).status_code for url in urls]
    assert sorted(paid) == [303, 400]


async def test_a_trial_is_given_once(shop: Shop) -> None:
    trial = PRO.model_copy(update={"price": Price(monthly=Decimal(49), trial_days=14)})
    await shop.offer(FREE, trial)
    await shop.buy()
    first = (await shop.account()).status
    await shop.click_in_portal("cancel")
    await shop.pass_days(15)
    await shop.buy()

    assert (first, (await shop.account()).status) == ("trialing", "active")


async def test_a_seed_file_takes_no_paid_plan_away(shop: Shop) -> None:
    await shop.buy()

    await add(shop.server, tenants=[{"id": TENANT, "name": "Globex"}])

    assert await shop.plan() == "pro"


@pytest.mark.both_databases
async def test_a_customer_that_is_no_longer_at_stripe_is_made_anew(
    database_url: str, clock: Clock
) -> None:
    """As when the settings change from a sandbox to the live account."""
    async with running_shop(database_url, clock) as shop:
        await shop.sync()
        await shop.buy()
        before = (await shop.account()).customer_id
        shop.stripe.objects.clear()
        await shop.sync()
        await refresh_account(shop.billing, TENANT)

        await shop.buy()

        assert (await shop.account()).customer_id != before
        assert await shop.plan() == "pro"


async def test_an_operators_plan_outlives_a_checkout_that_nobody_paid(shop: Shop) -> None:
    await shop.go_to_checkout(tenant="org_acme")
    shop.clock.advance(days=2)

    await maintain_billing(shop.billing)

    assert await shop.plan("org_acme") == "pro"


@pytest.mark.parametrize("plan", ["free", "enterprise", "nonsense"])
async def test_a_plan_without_a_price_can_not_be_bought(shop: Shop, plan: str) -> None:
    with pytest.raises(BillingError, match="can't be bought"):
        await shop.go_to_checkout(plan)


async def test_a_missing_price_tells_the_operator_what_to_run(shop: Shop) -> None:
    other: PlanTerms = PRO.model_copy(update={"name": "max"})
    await shop.offer(FREE, other)

    with pytest.raises(BillingError, match="gatepost billing sync"):
        await shop.go_to_checkout("max")


async def test_an_outage_of_stripe_is_told_in_words(shop: Shop) -> None:
    shop.stripe.faults.calls += [("refused", "/v1/")] * 4

    with pytest.raises(BillingUnavailable, match="does not answer"):
        await plan_changes(shop.billing.stripe, SHIPPED)
