"""Meter events, their summaries, and the reports of errors that Stripe finds later."""

import asyncio
from datetime import timedelta
from typing import Any

from fake_stripe.account import Account, Object
from fake_stripe.errors import StripeError
from fake_stripe.form import Params
from fake_stripe.subscriptions import sum_usage

METER_EVENT = frozenset({"event_name", "payload", "identifier", "timestamp"})
WINDOW = timedelta(hours=24)
"""How long Stripe remembers an identifier."""
_OLDEST = 35 * 86_400
_EARLIEST = 300


async def create_meter_event(account: Account, params: Params) -> Object:
    """Accept a meter event; only one call at a time for a customer and a meter is allowed."""
    payload: Params = params.get("payload", {})
    place = (str(payload.get("stripe_customer_id")), str(params.get("event_name")))
    if place in account.metering:
        raise StripeError(
            "Another call for this customer and meter is in progress.",
            status=429,
            kind="rate_limit_error",
            code="lock_timeout",
        )
    account.metering.add(place)
    try:
        await asyncio.sleep(0)
        return _accept(account, params, payload)
    finally:
        account.metering.discard(place)


def _accept(account: Account, params: Params, payload: Params) -> Object:
    now, known = account.now() + account.offset, account.identifiers
    identifier = params.get("identifier") or f"auto_{len(known)}"
    if len(identifier) > 100:
        raise StripeError("identifier is longer than 100 characters.", param="identifier")
    if identifier in known and now - known[identifier] < WINDOW:
        raise StripeError(
            f"An event already exists with identifier {identifier}.",
            retry=False,
            param="identifier",
        )
    at = int(params.get("timestamp") or account.time())
    if not account.time() - _OLDEST <= at <= account.time() + _EARLIEST:
        raise StripeError(
            "The timestamp is too far in the past or in the future.", param="timestamp"
        )
    value = str(payload.get("value", ""))
    if not value.lstrip("-").isdigit() or len(value.lstrip("-")) > 15:
        raise StripeError("The value must be a whole number of 15 digits.", param="payload[value]")
    known[identifier] = now
    customer = payload.get("stripe_customer_id", "")
    meter = next(account.every("billing.meter", event_name=params["event_name"]), None)
    if meter is None:
        _report(account, "v1.billing.meter.no_meter_found", "no_meter", identifier, None)
    elif account.objects.get(customer, {}).get("object") != "customer":
        kind = "v1.billing.meter.error_report_triggered"
        _report(account, kind, "meter_event_customer_not_found", identifier, meter)
    else:
        account.usage.append(
            {
                "meter": meter["id"],
                "customer": customer,
                "value": int(value),
                "timestamp": at,
                "received": account.time(),
                "identifier": identifier,
            }
        )
    return {
        "object": "billing.meter_event",
        "created": account.time(),
        "event_name": params["event_name"],
        "identifier": identifier,
        "livemode": False,
        "payload": payload,
        "timestamp": at,
    }


def summarize(account: Account, meter: str, params: Params) -> list[Object]:
    """Sum a customer's usage of a meter, as a whole or by the hour or day."""
    start, end = int(params["start_time"]), int(params["end_time"])
    grain = {"hour": 3600, "day": 86_400}.get(params.get("value_grouping_window", ""))
    if start % (grain or 60) or end % (grain or 60) or start >= end:
        raise StripeError("start_time and end_time must be aligned with minutes.")
    windows = range(start, end, grain) if grain else (start,)
    sums = ((first, first + (grain or end - start)) for first in windows)
    return [
        {
            "id": f"mtrusg_{meter}_{first}",
            "object": "billing.meter_event_summary",
            "aggregated_value": value,
            "start_time": first,
            "end_time": last,
            "livemode": False,
            "meter": meter,
        }
        for first, last in sums
        if (value := sum_usage(account, meter, params["customer"], first, last))
    ]


def _report(account: Account, kind: str, code: str, identifier: str, meter: Object | None) -> None:
    sample = {"error_message": code, "request": {"identifier": identifier}}
    data: dict[str, Any] = {
        "developer_message_summary": "There is 1 invalid event",
        "reason": {
            "error_count": 1,
            "error_types": [{"code": code, "error_count": 1, "sample_errors": [sample]}],
        },
    }
    about = meter or {"id": "mtr_none", "object": "billing.meter"}
    account.tell(kind, about, data=data)
