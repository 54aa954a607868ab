"""Keys derived from the one configured secret, and the making and hashing of random secrets."""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NewSecret = Callable[[], str]


def new_secret() -> str:
    """Make a 256-bit random secret, base64url."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """Hash a 256-bit random secret for storage and look-up; such a secret needs no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


def s256(verifier: str) -> str:
    """Compute the S256 challenge of a PKCE verifier (RFC 7636 §4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class DerivedKeys:
    """One key for each purpose, so that none can stand in for another."""

    forms: bytes
    refresh: bytes
    at_rest: bytes
    tickets: bytes


def derive_keys(secret_key: str) -> DerivedKeys:
    """Derive every key from the configured secret (HKDF, RFC 5869)."""

    def derive(purpose: str) -> bytes:
        info = b"gatepost/auth_server/" + purpose.encode()
        return HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(secret_key.encode())

    return DerivedKeys(derive("forms"), derive("refresh"), derive("at_rest"), derive("tickets"))


def seal(key: bytes, plaintext: bytes, *, context: str) -> bytes:
    """Encrypt for storage with AES-256-GCM; `context` must be given again to open it."""
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, context.encode())


def unseal(key: bytes, sealed: bytes, *, context: str) -> bytes:
    """Decrypt what `seal` made.

    Raises:
        cryptography.exceptions.InvalidTag: another key or context, or changed bytes.
    """
    return AESGCM(key).decrypt(sealed[:12], sealed[12:], context.encode())


def sign_form(key: bytes, *parts: str) -> str:
    """Bind a form to what it was made for: a MAC over the parts, each with its length."""
    message = b"".join(len(p := part.encode()).to_bytes(4, "big") + p for part in parts)
    return base64.urlsafe_b64encode(hmac.digest(key, message, "sha256")).rstrip(b"=").decode()


def matches(expected: str, given: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(expected.encode(), given.encode())
