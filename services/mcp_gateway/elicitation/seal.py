"""Seal values that a client carries for the gateway and must not change."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import orjson
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc.jwk import ECKey

from gatepost.claims import AccessClaims

_MAC_BYTES = 32


class Sealer:
    """Seals JSON values with HMAC-SHA256, under a key that all replicas of a gateway share.

    A seal does not encrypt: the client can read the value.
    """

    def __init__(self, key: bytes) -> None:
        """Take 32 secret bytes."""
        self._key = key

    @classmethod
    def of(cls, signing_key: ECKey) -> "Sealer":
        """Derive the sealing key from the gateway's signing key, which all replicas share."""
        secret = str(signing_key.as_dict(private=True)["d"])
        derived = HKDF(SHA256(), 32, salt=None, info=b"gatepost sealed values")
        return cls(derived.derive(secret.encode()))

    def seal(self, purpose: str, value: Any) -> str:
        """Seal a value as visible ASCII, which `open` accepts only for the same purpose."""
        payload = orjson.dumps(value)
        return urlsafe_b64encode(self._mac(purpose, payload) + payload).rstrip(b"=").decode()

    def open(self, purpose: str, text: str) -> Any:
        """Return a sealed value, or None if it was changed, or sealed elsewhere or for another
        purpose.
        """
        try:
            sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            return None
        mac, payload = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
        # Base64 has spare bits, so only the exact encoding that `seal` writes is accepted.
        if urlsafe_b64encode(sealed).rstrip(b"=").decode() != text:
            return None
        if not hmac.compare_digest(mac, self._mac(purpose, payload)):
            return None
        return orjson.loads(payload)

    def _mac(self, purpose: str, payload: bytes) -> bytes:
        return hmac.digest(self._key, purpose.encode() + b"\0" + payload, hashlib.sha256)


def principal_of(caller: AccessClaims) -> str:
    """Return an identifier for this person, through this client and sub-agent, in this tenant."""
    parts = (caller.sub, caller.client_id, caller.tenant_id, *caller.actors)
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32]
