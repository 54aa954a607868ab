"""POST /billing/stripe: Stripe tells what happened."""

from typing import Annotated, Any

import orjson
from fastapi import Depends, Request
from starlette.responses import JSONResponse, Response

from auth_server.billing.account import Billing, BillingInUse
from auth_server.billing.inbox import Inbox
from auth_server.errors import InvalidRequest
from auth_server.records.external_events.table import ExternalEvent
from auth_server.web.forms import read_body
from auth_server.web.routing import MachineRouter

WEBHOOK_PATH = "/billing/stripe"

_LIMIT = 512 * 1024
_TOLERANCE = 300
"""Seconds between Stripe's clock and ours, in both directions."""

router = MachineRouter()


async def _inbox_of(request: Request) -> Inbox:
    inbox: Inbox = request.state.inbox
    return inbox


InboxInUse = Annotated[Inbox, Depends(_inbox_of)]


@router.post(WEBHOOK_PATH)
async def take_event(request: Request, billing: BillingInUse, inbox: InboxInUse) -> Response:
    """Store a signed event, snapshot or thin, and answer; it is processed afterwards."""
    if billing is None:
        raise InvalidRequest("this server has no billing")
    body = await read_body(request, limit=_LIMIT)
    require_signature(billing, body, request.headers.get("stripe-signature", ""))
    await inbox.take(_read_event(billing, body))
    return JSONResponse({"received": True}, headers={"Cache-Control": "no-store"})


def require_signature(billing: Billing, body: bytes, header: str) -> None:
    """Refuse a body that no current secret signed within the last minutes.

    Raises:
        InvalidRequest: the signature is missing, wrong or old.
    """
    import stripe

    if not any(_signed(stripe, body, header, secret) for secret in _secrets(billing)):
        raise InvalidRequest("Stripe-Signature does not match a secret of stripe.webhook_secrets")
    # The library allows any time in the future.
    at = next(part.split("=")[1] for part in header.split(",") if part.startswith("t="))
    if abs(billing.now().timestamp() - int(at)) > _TOLERANCE:
        raise InvalidRequest("Stripe-Signature is too old, or this server's clock is wrong")


def _secrets(billing: Billing) -> list[str]:
    return [secret.get_secret_value() for secret in billing.settings.webhook_secrets]


def _signed(stripe: Any, body: bytes, header: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(body, header, secret, None)
    except (stripe.SignatureVerificationError, ValueError, TypeError):
        return False  # The library raises TypeError for a signature that is not ASCII.
    return True


def _read_event(billing: Billing, body: bytes) -> ExternalEvent:
    try:
        event = orjson.loads(body)
        thin = event["object"] == "v2.core.event"
        about = event.get("related_object") or {} if thin else event["data"]["object"]
        return ExternalEvent.model_validate(
            {
                "event_id": event["id"],
                "kind": event["type"],
                "object_type": (about.get("type") if thin else about.get("object")) or "",
                "object_id": about.get("id") or "",
                "received_at": billing.now(),
            }
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        raise InvalidRequest("the body is not an event of Stripe") from None
