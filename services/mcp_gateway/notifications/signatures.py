"""Verify the signature of a webhook: HMAC-SHA256 over its time and its body."""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping, Sequence

from mcp_gateway.catalogue.resources import Webhook

TOLERANCE = 300
"""Seconds that a message may be older or newer than now."""
_LONGEST_ID = 256
_MOST_SIGNATURES = 10


class NotGenuine(Exception):
    """No secret of the webhook signed the message within the last minutes; it says what is wrong."""


def require_signature(
    webhook: Webhook,
    headers: Mapping[str, str],
    body: bytes,
    secrets: Sequence[str],
    now: float,
) -> str:
    """Return the id of a genuine message that a header names, or nothing if none does.

    Raises:
        NotGenuine: the signature is missing or wrong, or the message is old.
    """
    if webhook.signature == "standard_webhooks":
        message_id, time = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not 0 < len(message_id) <= _LONGEST_ID:
            raise NotGenuine("webhook-id is missing or too long")
        signed = f"{message_id}.{time}.".encode() + body
        given = [
            one.removeprefix("v1,")
            for one in headers.get("webhook-signature", "").split(" ")
            if one.startswith("v1,")
        ]
        keys = [_standard_key(secret) for secret in secrets]
        write: Callable[[bytes], str] = lambda mac: base64.b64encode(mac).decode()
    else:
        parts = [part.partition("=") for part in headers.get(webhook.header, "").split(",")]
        time = next((value for name, _, value in parts if name.strip() == "t"), "")
        signed = f"{time}.".encode() + body
        given = [value for name, _, value in parts if name.strip() == "v1"]
        keys = [secret.encode() for secret in secrets]
        message_id, write = "", bytes.hex
    if not (time.isascii() and time.isdigit() and len(time) <= 12):
        raise NotGenuine("the signature has no time")
    if abs(now - int(time)) > TOLERANCE:
        raise NotGenuine("the signature is too old, or a clock is wrong")
    expected = [write(hmac.digest(key, signed, "sha256")).encode() for key in keys]
    for one in given[:_MOST_SIGNATURES]:
        if any(hmac.compare_digest(one.encode(), each) for each in expected):
            return message_id
    raise NotGenuine("no secret of this webhook made the signature")


def _standard_key(secret: str) -> bytes:
    encoded = secret.removeprefix("whsec_")
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return secret.encode()
