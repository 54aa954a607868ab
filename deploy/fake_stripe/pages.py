"""The pages for people: Checkout and the billing portal."""

from datetime import UTC, datetime
from decimal import Decimal
from html import escape

from fake_stripe.account import Account, Object
from fake_stripe.errors import StripeError
from fake_stripe.payments import create_refund, dispute, pay
from fake_stripe.subscriptions import (
    ENDED,
    cancel_at_period_end,
    change_card,
    start_subscription,
)

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>{title}</title>
<style>body{{font:1rem/1.5 sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}}
button{{font:inherit;padding:.5rem 1rem;margin:.25rem .5rem .25rem 0}}</style>
<h1>{title}</h1><p>This imitation of Stripe takes no money.</p>{body}</html>"""

STEPS = ("1", "3", "32")
"""The days that a click lets pass."""

# The common ones of https://docs.stripe.com/currencies.
_WITHOUT_DECIMALS = frozenset({"clp", "jpy", "krw", "vnd"})

CARDS = {
    "works": "4242 4242 4242 4242",
    "fails": "4000 0000 0000 0341",
    "declined": "4000 0000 0000 0002",
}


def show_home(account: Account) -> str:
    """Write the page that shows the account's subscriptions and lets time pass."""
    at = datetime.fromtimestamp(account.time(), UTC)
    rows = "".join(
        f"<li>{escape(account.find('customer', one['customer'])['name'] or one['customer'])}: {escape(one['status'])}</li>"
        for one in account.every("subscription")
    )
    payments = "".join(
        f"<li>Payment: {_money(one['amount'], one['currency'])}, "
        f"{_money(one['amount_refunded'], one['currency'])} refunded{', disputed' * one['disputed']}"
        f"{_button('refund', one['id'], 'Refund')}{_button('dispute', one['id'], 'Dispute')}</li>"
        for one in account.every("charge")
    )
    buttons = "".join(_button("advance", days, f"Let {days} days pass") for days in STEPS)
    body = f"<p>It is {at:%Y-%m-%d %H:%M} UTC here.</p><ul>{rows}{payments}</ul>{buttons}"
    return _PAGE.format(title="Imitation of Stripe", body=body)


def answer_home(account: Account, action: str, value: str) -> None:
    """Refund or dispute a charge.

    Raises:
        StripeError: nothing of this kind can be clicked, or nothing is left to refund.
    """
    charge = account.find("charge", value)
    if action == "refund":
        create_refund(account, {"charge": charge["id"]})
    elif action == "dispute":
        dispute(account, charge)
    else:
        raise StripeError("This is not possible.")


def show_checkout(account: Account, session: Object, problem: str = "") -> str:
    """Write the page of a Checkout session."""
    if session["status"] != "open":
        return _PAGE.format(title="This page has expired", body="")
    if session["mode"] == "payment":
        lines = f"<li>{escape(session['_line'])}</li>"
    else:
        lines = "".join(
            f"<li>{escape(account.find('product', price['product'])['name'])}: {escape(_words(price))}</li>"
            for price, _ in _prices(account, session)
        )
    buttons = (
        _button("pay", "works", "Pay")
        + _button("pay", "fails", "Pay with a card that fails next month")
        + _button("pay", "declined", "Pay with a declined card")
        + _button("cancel", "", "Back without paying")
    )
    alert = f"<p role=alert>{escape(problem)}</p>" if problem else ""
    return _PAGE.format(title="Checkout", body=f"{alert}<ul>{lines}</ul>{buttons}")


def answer_checkout(account: Account, session: Object, action: str, card: str) -> str:
    """Do what somebody clicked on a Checkout page, and return where they go next.

    Raises:
        StripeError: the card was declined, or the session is no longer open.
    """
    if session["status"] != "open":
        raise StripeError("The session is not open.")
    if action == "cancel":
        return str(session["cancel_url"])
    if card not in ("works", "fails"):
        raise StripeError("Your card was declined.", status=402, kind="card_error")
    if session["mode"] == "payment":
        made = pay(account, session)
        session.update(
            status="complete", payment_status="paid", payment_intent=made["id"], url=None
        )
        account.tell("checkout.session.completed", session)
        return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])
    account.cards[session["customer"]] = card
    data = session["_subscription_data"]
    subscription = start_subscription(
        account,
        session["customer"],
        _prices(account, session),
        metadata=data.get("metadata", {}),
        trial_days=int(data.get("trial_period_days", 0)),
    )
    session.update(
        status="complete", payment_status="paid", subscription=subscription["id"], url=None
    )
    account.tell("checkout.session.completed", session)
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def show_portal(account: Account, session: Object) -> str:
    """Write the page of the billing portal."""
    parts = []
    for subscription in account.every("subscription", customer=session["customer"]):
        state = subscription["status"]
        if subscription["cancel_at_period_end"]:
            state += ", ends with the period"
        parts.append(f"<p>Subscription: {escape(state)}</p>")
        if subscription["status"] in ENDED:
            continue
        if subscription["cancel_at_period_end"]:
            parts.append(_button("keep", subscription["id"], "Keep the plan"))
        else:
            parts.append(_button("cancel", subscription["id"], "Cancel at the end of the period"))
    parts.append(_button("card", "works", "Use a card that works"))
    parts.append(_button("card", "fails", "Use a card that fails"))
    parts.append(f'<p><a href="{escape(session["return_url"])}">Back</a></p>')
    return _PAGE.format(title="Billing portal", body="".join(parts))


def answer_portal(account: Account, session: Object, action: str, value: str) -> None:
    """Do what somebody clicked in the portal.

    Raises:
        StripeError: the subscription is not theirs, or nothing of this kind can be clicked.
    """
    if action == "card" and value in ("works", "fails"):
        return change_card(account, session["customer"], value)
    subscription = account.find("subscription", value)
    if subscription["customer"] != session["customer"] or action not in ("cancel", "keep"):
        raise StripeError("This is not possible.")
    return cancel_at_period_end(account, subscription, action == "cancel")


def _prices(account: Account, session: Object) -> list[tuple[Object, int | None]]:
    return [(account.find("price", key), quantity) for key, quantity in session["_prices"]]


def _words(price: Object) -> str:
    if price["billing_scheme"] == "tiered":
        return "by usage"
    return f"{_money(price['unit_amount_decimal'], price['currency'])} a month"


def _money(amount: object, currency: str) -> str:
    # Prices may have fractions of the smallest unit, such as 0.5 cents.
    decimals = 0 if currency in _WITHOUT_DECIMALS else 2
    whole, _, rest = f"{Decimal(str(amount)).scaleb(-decimals):f}".partition(".")
    digits = rest.rstrip("0").ljust(decimals, "0")
    return escape(f"{whole}.{digits}".rstrip(".") + f" {currency.upper()}")


def _button(action: str, value: str, label: str) -> str:
    return (
        '<form method="post"><input type="hidden" name="action" value="' + escape(action) + '">'
        f'<button name="value" value="{escape(value)}">{escape(label)}</button></form>'
    )
