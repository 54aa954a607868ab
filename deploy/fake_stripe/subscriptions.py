"""Subscriptions: how they begin, renew, fail to be paid and end, by the account's time."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from fake_stripe.account import Account, Object

RETRIES = (3, 5, 7)
"""Days after a failed payment at which it is tried again."""
_DAY = 86_400
ENDED = ("canceled", "incomplete_expired")


def start_subscription(
    account: Account,
    customer: str,
    prices: list[tuple[Object, int | None]],
    *,
    metadata: dict[str, str],
    trial_days: int = 0,
) -> Object:
    """Start a subscription whose first payment succeeds, or whose trial begins."""
    now = account.time()
    until = now + trial_days * _DAY if trial_days else _next_month(now)
    subscription = account.add(
        "subscription",
        "sub",
        customer=customer,
        status="trialing" if trial_days else "active",
        metadata=metadata,
        billing_mode={"type": "flexible"},
        cancel_at_period_end=False,
        start_date=now,
        cancel_at=None,
        canceled_at=None,
        ended_at=None,
        trial_end=until if trial_days else None,
        latest_invoice=None,
        collection_method="charge_automatically",
        currency=prices[0][0]["currency"],
    )
    items = [
        account.add(
            "subscription_item",
            "si",
            price=price,
            subscription=subscription["id"],
            current_period_start=now,
            current_period_end=until,
            **({} if quantity is None else {"quantity": quantity}),
        )
        for price, quantity in prices
    ]
    subscription["items"] = {"object": "list", "data": items, "has_more": False}
    account.tell("customer.subscription.created", subscription)
    if not trial_days:
        _pay(account, subscription, now, now)
    return subscription


def cancel_at_period_end(account: Account, subscription: Object, cancel: bool) -> None:
    """Cancel a subscription at the end of its period, or keep it after all."""
    end = _period(subscription)[1] if cancel else None
    subscription.update(
        cancel_at_period_end=cancel, cancel_at=end, canceled_at=account.time() if cancel else None
    )
    account.tell("customer.subscription.updated", subscription)


def change_card(account: Account, customer: str, card: str) -> None:
    """Give a customer another card, and pay with it what is due."""
    account.cards[customer] = card
    if card != "works":
        return
    for subscription in account.every("subscription", customer=customer):
        if subscription["status"] in ("past_due", "unpaid"):
            for invoice in account.every("invoice", subscription=subscription["id"], status="open"):
                _settle(account, invoice)
            subscription["status"] = "active"
            account.tell("customer.subscription.updated", subscription)


def advance(account: Account) -> None:
    """Do what is due by the account's time: renewals, retries of payments, ends."""
    for subscription in list(account.every("subscription")):
        while _step(account, subscription):
            pass


def end_subscription(account: Account, subscription: Object) -> None:
    """End a subscription now."""
    subscription.update(status="canceled", ended_at=account.time())
    account.tell("customer.subscription.deleted", subscription)


def _step(account: Account, subscription: Object) -> bool:
    now, (start, end) = account.time(), _period(subscription)
    if subscription["status"] in ENDED:
        return False
    retry = subscription.get("_retry")
    if subscription["status"] == "past_due" and retry is not None:
        failed, count = retry
        if now < failed + RETRIES[count] * _DAY:
            return False
        return _retry(account, subscription, failed, count)
    if now < end or subscription["status"] == "paused":
        return False
    if subscription["cancel_at_period_end"]:
        end_subscription(account, subscription)
        return False
    if subscription["status"] == "trialing" and subscription["customer"] not in account.cards:
        subscription["status"] = "paused"
        account.tell("customer.subscription.paused", subscription)
        return False
    for item in subscription["items"]["data"]:
        item.update(current_period_start=end, current_period_end=_next_month(end))
    if subscription["status"] == "unpaid":
        return True  # its invoices stay drafts
    if not _pay(account, subscription, start, end):
        subscription.update(status="past_due", _retry=(end, 0))
    elif subscription["status"] == "trialing":
        subscription["status"] = "active"
    account.tell("customer.subscription.updated", subscription)
    return True


def _retry(account: Account, subscription: Object, failed: int, count: int) -> bool:
    invoices = account.every("invoice", subscription=subscription["id"], status="open")
    if account.cards.get(subscription["customer"]) == "works":
        for invoice in invoices:
            _settle(account, invoice)
        subscription.update(status="active", _retry=None)
    elif count + 1 < len(RETRIES):
        subscription["_retry"] = (failed, count + 1)
        for invoice in invoices:
            account.tell("invoice.payment_failed", invoice)
        return True
    else:
        subscription["_retry"] = None
        if account.after_dunning == "canceled":
            end_subscription(account, subscription)
            return False
        subscription["status"] = account.after_dunning
    account.tell("customer.subscription.updated", subscription)
    return True


def _pay(account: Account, subscription: Object, start: int, end: int) -> bool:
    total = sum(_price_of(account, subscription, item, start, end) for item in _items(subscription))
    invoice = account.add(
        "invoice",
        "in",
        customer=subscription["customer"],
        subscription=subscription["id"],
        currency=subscription["currency"],
        status="open",
        period_start=start,
        period_end=end,
        total=int(Decimal(total).quantize(Decimal(1), ROUND_HALF_UP)),
    )
    subscription["latest_invoice"] = invoice["id"]
    if account.cards.get(subscription["customer"]) == "fails" and start != end:
        account.tell("invoice.payment_failed", invoice)
        return False
    _settle(account, invoice)
    return True


def _settle(account: Account, invoice: Object) -> None:
    invoice["status"] = "paid"
    account.tell("invoice.paid", invoice)


def _price_of(
    account: Account, subscription: Object, item: Object, start: int, end: int
) -> Decimal:
    price = item["price"]
    meter = price["recurring"].get("meter")
    if meter is None:
        return Decimal(price["unit_amount_decimal"]) * int(item.get("quantity", 1))
    units = sum_usage(account, meter, subscription["customer"], start, end)
    total, counted = Decimal(0), 0
    for tier in price["tiers"]:
        until = units if tier["up_to"] is None else min(units, tier["up_to"])
        total += max(until - counted, 0) * Decimal(tier["unit_amount_decimal"])
        counted = max(until, counted)
    return total


def sum_usage(account: Account, meter: str, customer: str, start: int, end: int) -> int:
    """Sum a customer's usage of a meter in a time, as far as it has been received long enough ago."""
    received = account.time() - account.faults.summary_lag.total_seconds()
    return sum(
        event["value"]
        for event in account.usage
        if (event["meter"], event["customer"]) == (meter, customer)
        and start <= event["timestamp"] < end
        and event["received"] <= received
    )


def _items(subscription: Object) -> list[Any]:
    items: list[Any] = subscription["items"]["data"]
    return items


def _period(subscription: Object) -> tuple[int, int]:
    item = _items(subscription)[0]
    return item["current_period_start"], item["current_period_end"]


def _next_month(at: int) -> int:
    start = datetime.fromtimestamp(at, UTC)
    year, month = (start.year + 1, 1) if start.month == 12 else (start.year, start.month + 1)
    for day in range(start.day, start.day - 4, -1):
        try:
            return int(start.replace(year=year, month=month, day=day).timestamp())
        except ValueError:
            continue  # the month is shorter
    raise AssertionError("every month has 28 days")
