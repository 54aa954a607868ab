"""Make, hash and compare random secrets."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable

NewSecret = Callable[[], str]


def new_secret() -> str:
    """Make a 256-bit random secret in base64url."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """Hash a 256-bit random secret, which does not need a salt, for storage and look-up."""
    return hashlib.sha256(secret.encode()).hexdigest()


def s256(verifier: str) -> str:
    """Compute the S256 challenge of a PKCE verifier (RFC 7636 §4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def matches(expected: str, given: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(expected.encode(), given.encode())
