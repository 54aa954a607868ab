"""The secrets that sign messages: stored sealed, and two at a time while one is replaced."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

from standardwebhooks import Webhook

from auth_server.db.engine import DbSession
from auth_server.keys import Keys
from auth_server.records.webhooks.endpoints import list_all_endpoints, list_former_secrets_over
from auth_server.records.webhooks.table import WebhookEndpoint

BOTH_VALID = timedelta(hours=24)
"""How long messages are also signed with the former secret."""


def make_signing_secret(random: str) -> str:
    """Make a secret of 256 bits in the form of Standard Webhooks from a random secret."""
    return "whsec_" + base64.b64encode(hashlib.sha256(random.encode()).digest()).decode()


def seal_signing_secret(secret: str, endpoint_id: str, keys: Keys) -> bytes:
    """Encrypt a secret for storage."""
    return keys.seal("at_rest", secret.encode(), context=_context(endpoint_id))


def sign_message(
    endpoint: WebhookEndpoint, message_id: str, payload: str, keys: Keys, *, now: datetime
) -> Mapping[str, str]:
    """Make the headers of one attempt, signed with every secret that is valid now.

    Raises:
        ValueError: no key of this server opens the secret.
    """
    sealed = [endpoint.sealed_secret]
    until = endpoint.former_secret_until
    if endpoint.former_sealed_secret is not None and until is not None and until > now:
        sealed.append(endpoint.former_sealed_secret)
    signatures = []
    for each in sealed:
        secret = keys.unseal("at_rest", each, context=_context(endpoint.endpoint_id))
        if secret is None:
            raise ValueError("the secret was sealed with another secret_key")
        signatures.append(Webhook(secret.decode()).sign(message_id, now, payload))
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


async def maintain_signing_secrets(db: DbSession, keys: Keys, *, now: datetime) -> None:
    """Delete former secrets that are over, and seal the others with the newest key."""
    for endpoint in await list_former_secrets_over(db, now=now):
        endpoint.former_sealed_secret = endpoint.former_secret_until = None
    for endpoint in await list_all_endpoints(db, lock=True) if keys.former else ():
        context = _context(endpoint.endpoint_id)
        for name in ("sealed_secret", "former_sealed_secret"):
            sealed = getattr(endpoint, name)
            if sealed is not None:
                resealed = keys.reseal("at_rest", sealed, context=context)
                if resealed is not None and resealed != sealed:
                    setattr(endpoint, name, resealed)


async def list_unreadable_endpoints(db: DbSession, keys: Keys) -> list[str]:
    """List the endpoints whose secret none of the keys opens."""
    return [
        endpoint.endpoint_id
        for endpoint in await list_all_endpoints(db)
        if keys.unseal("at_rest", endpoint.sealed_secret, context=_context(endpoint.endpoint_id))
        is None
    ]


def _context(endpoint_id: str) -> str:
    return f"secret of the webhook endpoint {endpoint_id}"
