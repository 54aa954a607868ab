"""The products, prices and the meter at Stripe that the plans need, and how they come to be."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from auth_server.billing.errors import BillingError, stripe_errors
from auth_server.billing.states import PLAN_KEY
from auth_server.records.plans.terms import PlanTerms, Price
from gatepost.metering.money import minor_units

if TYPE_CHECKING:
    from stripe import StripeClient

METER_EVENT = "gatepost_units"
"""The event name of the meter that counts units."""

_DECIMALS = Decimal("0.000000000001")


def flat_key(plan: str) -> str:
    """Name the lookup key of a plan's flat price."""
    return f"gatepost_{plan}_flat"


def usage_key(plan: str) -> str:
    """Name the lookup key of a plan's price by usage."""
    return f"gatepost_{plan}_usage"


def product_id(plan: str) -> str:
    """Name the id of a plan's product."""
    return f"gatepost_{plan}"


@dataclass(frozen=True, slots=True)
class Change:
    """One change at Stripe that is needed, in words, and how to make it."""

    said: str
    make: Callable[[], Awaitable[object]]


async def plan_changes(client: "StripeClient", plans: Iterable[PlanTerms]) -> list[Change]:
    """List what is missing or different at Stripe, in the order in which to make it.

    A price can't change its amount, so a different one replaces it and takes its lookup key over;
    subscriptions keep the price with which they began.

    Raises:
        BillingError: Stripe refuses or does not answer.
    """
    sold = [plan for plan in plans if plan.price.monthly or plan.price.steps]
    changes: list[Change] = []
    with stripe_errors():
        if any(plan.price.steps for plan in sold) and await _find_meter(client) is None:
            changes.append(Change(f"create the meter {METER_EVENT}", _make_meter(client)))
        for plan in sold:
            changes += await _product_changes(client, plan)
            changes += await _price_changes(client, plan)
    return changes


async def make_changes(changes: Iterable[Change]) -> None:
    """Make the changes.

    Raises:
        BillingError: Stripe refuses or does not answer; those before it are made.
    """
    with stripe_errors():
        for change in changes:
            await change.make()


async def _find_meter(client: "StripeClient") -> str | None:
    meters = await client.v1.billing.meters.list_async({"status": "active", "limit": 100})
    return next((one.id for one in meters.data if one.event_name == METER_EVENT), None)


def _make_meter(client: "StripeClient") -> Callable[[], Awaitable[object]]:
    return lambda: client.v1.billing.meters.create_async(
        {
            "display_name": "Gatepost units",
            "event_name": METER_EVENT,
            "default_aggregation": {"formula": "sum"},
            "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
            "value_settings": {"event_payload_key": "value"},
        }
    )


async def _product_changes(client: "StripeClient", plan: PlanTerms) -> list[Change]:
    import stripe

    key = product_id(plan.name)
    try:
        known = await client.v1.products.retrieve_async(key)
    except stripe.InvalidRequestError as error:
        if error.code != "resource_missing":
            raise
        return [
            Change(
                f"create the product {key}, named {plan.title}",
                lambda: client.v1.products.create_async(
                    {"id": key, "name": plan.title, "metadata": {PLAN_KEY: plan.name}}
                ),
            )
        ]
    changes = []
    if not known.active:
        changes.append(
            Change(
                f"bring the archived product {key} back",
                lambda: client.v1.products.update_async(key, {"active": True}),
            )
        )
    if known.name != plan.title:
        changes.append(
            Change(
                f"rename the product {key} to {plan.title}",
                lambda: client.v1.products.update_async(key, {"name": plan.title}),
            )
        )
    return changes


async def _price_changes(client: "StripeClient", plan: PlanTerms) -> list[Change]:
    wanted: dict[str, dict[str, Any]] = {}
    if plan.price.monthly:
        wanted[flat_key(plan.name)] = _flat_price(plan.price)
    if plan.price.steps:
        wanted[usage_key(plan.name)] = _usage_price(plan.price)
    found = await client.v1.prices.list_async(
        {"lookup_keys": list(wanted), "active": True, "expand": ["data.tiers"]}
    )
    known = {price.lookup_key: price for price in found.data}
    changes = []
    for key, price in wanted.items():
        if key in known and _same(known[key], price):
            continue
        verb = "replace" if key in known else "create"
        changes.append(
            Change(
                f"{verb} the price {key}: {plan.price.in_words()}",
                _make_price(client, plan, key, price),
            )
        )
    return changes


def _make_price(
    client: "StripeClient", plan: PlanTerms, key: str, price: dict[str, Any]
) -> Callable[[], Awaitable[object]]:
    async def make() -> object:
        recurring = {"interval": "month"}
        if "tiers" in price:
            if (meter := await _find_meter(client)) is None:
                raise BillingError(f"Stripe has no active meter {METER_EVENT}.")
            recurring |= {"usage_type": "metered", "meter": meter}
        params: Any = {
            **price,
            "product": product_id(plan.name),
            "recurring": recurring,
            "lookup_key": key,
            "transfer_lookup_key": True,
            "metadata": {PLAN_KEY: plan.name},
        }
        return await client.v1.prices.create_async(params)

    return make


def _flat_price(price: Price) -> dict[str, Any]:
    return {"currency": price.currency, "unit_amount_decimal": _minor(price.monthly, price)}


def _usage_price(price: Price) -> dict[str, Any]:
    tiers: list[dict[str, Any]] = []
    if price.included_units:
        tiers.append({"up_to": price.included_units, "unit_amount_decimal": "0"})
    for step in price.steps:
        up_to = "inf" if step.up_to is None else step.up_to
        tiers.append({"up_to": up_to, "unit_amount_decimal": _minor(step.unit_price, price)})
    return {
        "currency": price.currency,
        "billing_scheme": "tiered",
        "tiers_mode": "graduated",
        "tiers": tiers,
    }


def _minor(amount: Decimal, price: Price) -> str:
    """Convert to the currency's smallest unit, such as cents, without an exponent."""
    minor = (amount * minor_units(price.currency)).quantize(_DECIMALS)
    return f"{minor.normalize():f}"


def _same(known: Any, wanted: dict[str, Any]) -> bool:
    if known.currency != wanted["currency"]:
        return False
    if "tiers" not in wanted:
        return bool(known.unit_amount_decimal == Decimal(wanted["unit_amount_decimal"]))
    tiers = [
        (tier.up_to or "inf", tier.unit_amount_decimal or Decimal(0)) for tier in known.tiers or ()
    ]
    return tiers == [
        (tier["up_to"], Decimal(tier["unit_amount_decimal"])) for tier in wanted["tiers"]
    ]
