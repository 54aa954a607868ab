"""Products, prices, meters and customers."""

import re
from decimal import Decimal
from typing import Any

from fake_stripe.account import Account, Object
from fake_stripe.errors import StripeError, missing
from fake_stripe.form import Params

PRODUCT = frozenset({"id", "name", "metadata", "description", "active"})
PRICE = frozenset(
    {
        "product", "currency", "unit_amount_decimal", "recurring", "billing_scheme",
        "tiers", "tiers_mode", "lookup_key", "transfer_lookup_key", "metadata", "nickname", "active",
    }
)  # fmt: skip
METER = frozenset(
    {"display_name", "event_name", "default_aggregation", "customer_mapping", "value_settings"}
)
CUSTOMER = frozenset({"name", "email", "metadata"})


def create_product(account: Account, params: Params) -> Object:
    """Create a product; unlike other objects, it may have an id of the caller's choice."""
    if params.get("id") in account.objects:
        raise StripeError("Product already exists.", code="resource_already_exists")
    return account.add("product", "prod", **{"active": True, **params})


def create_price(account: Account, params: Params) -> Object:
    """Create a price; `transfer_lookup_key` takes the lookup key away from the price that has it."""
    account.find("product", params.get("product", ""))
    lookup_key = params.get("lookup_key")
    known = next(account.every("price", lookup_key=lookup_key), None) if lookup_key else None
    if known is not None:
        if params.get("transfer_lookup_key") != "true":
            raise StripeError(
                f"A price (`{known['id']}`) already uses that lookup key.", param="lookup_key"
            )
        known["lookup_key"] = None
    recurring: Params = params.get("recurring", {})
    metered = recurring.get("usage_type") == "metered"
    if metered and account.find("billing.meter", recurring.get("meter", ""))["status"] != "active":
        raise StripeError("The meter is not active.", param="recurring[meter]")
    tiers = [
        {
            "up_to": None if tier["up_to"] == "inf" else int(tier["up_to"]),
            "unit_amount_decimal": _amount(tier.get("unit_amount_decimal", "0")),
        }
        for tier in params.get("tiers", ())
    ]
    tiered = params.get("billing_scheme") == "tiered"
    if tiered != bool(tiers) or (tiers and tiers[-1]["up_to"] is not None):
        raise StripeError("The last tier must be `inf`.", param="tiers")
    return account.add(
        "price",
        "price",
        active=True,
        product=params["product"],
        currency=params["currency"],
        type="recurring",
        billing_scheme="tiered" if tiered else "per_unit",
        tiers_mode=params.get("tiers_mode"),
        tiers=tiers,
        unit_amount_decimal=None if tiered else _amount(params["unit_amount_decimal"]),
        lookup_key=lookup_key,
        metadata=params.get("metadata", {}),
        recurring={
            "interval": recurring.get("interval", "month"),
            "interval_count": 1,
            "meter": recurring.get("meter"),
            "usage_type": recurring.get("usage_type", "licensed"),
        },
    )


def show_price(price: Object, expand: list[str]) -> Object:
    """Leave the tiers out, unless they were asked for."""
    return price if "data.tiers" in expand or "tiers" in expand else _without(price, "tiers")


def find_prices(account: Account, params: Params) -> list[Object]:
    """List prices, or those with the given lookup keys."""
    keys = params.get("lookup_keys")
    if keys is not None and len(keys) > 10:
        raise StripeError("At most 10 lookup keys can be given.", param="lookup_keys")
    active = params.get("active")
    return [
        show_price(price, params.get("expand", []))
        for price in account.every("price")
        if (keys is None or price["lookup_key"] in keys)
        and (active is None or price["active"] == (active == "true"))
    ]


def create_meter(account: Account, params: Params) -> Object:
    """Create a meter; one event name belongs to one meter."""
    if next(account.every("billing.meter", event_name=params["event_name"]), None) is not None:
        raise StripeError("There is already a meter with this event name.", param="event_name")
    return account.add("billing.meter", "mtr", **{"status": "active", **params})


def create_customer(account: Account, params: Params) -> Object:
    """Create a customer."""
    made = account.add("customer", "cus", **{"name": None, "email": None, **params})
    account.tell("customer.created", made)
    return made


def find_customer(account: Account, key: object) -> Object:
    """Look up a customer that another object names.

    Raises:
        StripeError: it does not exist.
    """
    if not isinstance(key, str) or account.objects.get(key, {}).get("object") != "customer":
        error = missing("customer", key)
        error.status = 400
        raise error
    return account.objects[key]


def _without(found: Object, name: str) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key != name}


def _amount(text: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise StripeError(f"Invalid decimal: {text}", param="unit_amount_decimal")
    amount = Decimal(text)
    if amount.as_tuple().exponent < -12:  # type: ignore[operator]
        raise StripeError("At most 12 decimal places.", param="unit_amount_decimal")
    return f"{amount.normalize():f}"
