"""Sign events and deliver them to the webhook endpoints, with the faults that are switched on."""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from fake_stripe.account import API_VERSION, Account, Object

Post = Callable[[str, bytes, dict[str, str]], Awaitable[int]]
"""Posts a body with headers to a URL, and returns the status."""

_PATHS = {
    "charge": "/v1/charges",
    "dispute": "/v1/disputes",
    "payment_intent": "/v1/payment_intents",
    "billing.meter": "/v1/billing/meters",
    "checkout.session": "/v1/checkout/sessions",
    "customer": "/v1/customers",
    "invoice": "/v1/invoices",
    "subscription": "/v1/subscriptions",
}


def snapshot(event: Object) -> Object:
    """Write an event with the object as it was."""
    return {
        "id": event["id"],
        "object": "event",
        "api_version": API_VERSION,
        "created": event["created"],
        "type": event["type"],
        "data": {"object": event["snapshot"]},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
    }


def thin(event: Object) -> Object:
    """Write an event that only names its object."""
    about, at = event["about"], datetime.fromtimestamp(event["created"], UTC)
    kind = event["type"]
    return {
        "id": event["id"],
        "object": "v2.core.event",
        "type": kind if kind.startswith("v1.") else f"v1.{kind}",
        "created": at.isoformat().replace("+00:00", "Z"),
        "livemode": False,
        "context": None,
        "related_object": {
            "id": about["id"],
            "type": about["object"],
            "url": f"{_PATHS[about['object']]}/{about['id']}",
        },
        **({"data": event["data"]} if event["data"] is not None else {}),
    }


def sign(body: bytes, secrets: tuple[str, ...], at: int) -> str:
    """Sign a body with each secret, as `Stripe-Signature` does."""
    signed = f"{at}.".encode() + body
    macs = (hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets)
    return ",".join([f"t={at}", *(f"v1={mac}" for mac in macs)])


async def deliver(account: Account, post: Post) -> list[int]:
    """Deliver the events in the outbox once, and return the statuses; a refused event stays in it."""
    faults = account.faults
    if faults.hold_events:
        return []
    events, account.outbox = account.outbox, []
    dropped, faults.drop_events = faults.drop_events, max(faults.drop_events - len(events), 0)
    events = events[dropped:]
    if faults.reverse_events:
        events = events[::-1]
    if faults.duplicate_events:
        events = [event for event in events for _ in range(2)]
    statuses = []
    for event in events:
        for destination in account.destinations:
            if event["data"] is not None and not destination.thin:
                continue
            body = thin(event) if destination.thin else snapshot(event)
            # The data of a thin event must be fetched.
            shown = {name: value for name, value in body.items() if name != "data"}
            encoded = json.dumps(shown if destination.thin else body).encode()
            headers = {
                "Content-Type": "application/json; charset=utf-8",
                # Signed by the real time, which a test clock does not move.
                "Stripe-Signature": sign(
                    encoded, destination.secrets, int(account.now().timestamp())
                ),
            }
            status = await post(destination.url, encoded, headers)
            statuses.append(status)
            if not 200 <= status < 300 and event not in account.outbox:
                account.outbox.append(event)
    return statuses
