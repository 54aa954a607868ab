"""Passwords, hashed with scrypt (RFC 7914)."""

import hashlib
import hmac
import secrets


def hash_password(password: str, *, salt: bytes | None = None) -> str:
    """Hash a password as `salt:hash`, both hexadecimal, with a new salt unless one is given."""
    salt = salt or secrets.token_bytes(16)
    derived = hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)
    return f"{salt.hex()}:{derived.hex()}"


def matches(password: str, hashed: str | None) -> bool:
    """Compare a password; None (an unknown person) takes as long and never matches."""
    salt = bytes.fromhex(hashed.partition(":")[0]) if hashed else bytes(16)
    return hmac.compare_digest(hash_password(password, salt=salt), hashed or "")
