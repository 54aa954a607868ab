"""Seal values that a client carries for the gateway and must not change."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc.jwk import ECKey

from gatepost.claims import AccessClaims

_MAC_BYTES = 32


class Sealer:
    """Seals JSON values under a key that all replicas of a gateway share.

    `seal` does not encrypt: the client can read the value. `encrypt` hides it too.
    """

    def __init__(self, key: bytes) -> None:
        """Take 32 secret bytes."""
        self._key = key
        derived = HKDF(SHA256(), 64, salt=None, info=b"gatepost encrypted values").derive(key)
        self._cipher = AESSIV(derived)

    @classmethod
    def of(cls, signing_key: ECKey) -> "Sealer":
        """Derive the sealing key from the gateway's signing key, which all replicas share."""
        secret = str(signing_key.as_dict(private=True)["d"])
        derived = HKDF(SHA256(), 32, salt=None, info=b"gatepost sealed values")
        return cls(derived.derive(secret.encode()))

    def seal(self, purpose: str, value: Any) -> str:
        """Seal a value as visible ASCII, which `open` accepts only for the same purpose."""
        payload = orjson.dumps(value)
        return _write_bytes(self._mac(purpose, payload) + payload)

    def open(self, purpose: str, text: str) -> Any:
        """Return a sealed value, or None if it was changed, or sealed elsewhere or for another
        purpose.
        """
        sealed = _read_bytes(text)
        mac, payload = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(purpose, payload)):
            return None
        return orjson.loads(payload)

    def encrypt(self, purpose: str, value: Any) -> str:
        """Seal a value so that nobody else can read it (AES-SIV, RFC 5297), as visible ASCII."""
        return _write_bytes(self._cipher.encrypt(orjson.dumps(value), [purpose.encode()]))

    def decrypt(self, purpose: str, text: str) -> Any:
        """Return an encrypted value, or None under the same conditions as `open`."""
        try:
            return orjson.loads(self._cipher.decrypt(_read_bytes(text), [purpose.encode()]))
        except (InvalidTag, ValueError):
            return None

    def _mac(self, purpose: str, payload: bytes) -> bytes:
        return hmac.digest(self._key, purpose.encode() + b"\0" + payload, hashlib.sha256)


def _write_bytes(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _read_bytes(text: str) -> bytes:
    """Return what `_write_bytes` wrote; no bytes for any other text, also if it stands for the same."""
    try:
        content = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
    # Base64 has spare bits.
    return content if _write_bytes(content) == text else b""


def principal_of(caller: AccessClaims) -> str:
    """Return an identifier for this person, through this client and sub-agent, in this tenant."""
    parts = (caller.sub, caller.client_id, caller.tenant_id, *caller.actors)
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32]
