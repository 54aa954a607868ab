"""Read the public keys of others from their JWK sets (RFC 7517)."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

ALGORITHMS = {"ES256": "ES256", "RS256": "RS256", "EdDSA": "EdDSA", "Ed25519": "EdDSA"}
"""The names of the supported algorithms; a key's type decides which one it uses.

RFC 9864 names EdDSA by its curve; many servers still use the older name.
"""

_MOST = 20
_LARGEST_RSA_BYTES = 1024
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "k", "oth"})


class UnusableKeySet(ValueError):
    """The document is not a set of supported public keys; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key, with its id, if any, and its only algorithm."""

    kid: str | None
    algorithm: str
    key: ECKey | RSAKey | OKPKey


def parse_jwk_set(document: object) -> tuple[PublicKey, ...]:
    """Read the signing keys of a JWK set, ignoring unsupported keys (§5).

    Raises:
        UnusableKeySet: it is not a JWK set, contains a private key, or has no supported key.
    """
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UnusableKeySet("must be an object whose member keys is a list of JWKs")
    if any(not PRIVATE_MEMBERS.isdisjoint(entry) for entry in entries):
        raise UnusableKeySet("must contain only public keys")
    keys = tuple(key for entry in entries[:_MOST] if (key := _read(entry)) is not None)
    if not keys:
        raise UnusableKeySet(
            "must contain a signing key: EC P-256, RSA of 2048 bits or more, or Ed25519"
        )
    return keys


def format_jwk_set(keys: Iterable[PublicKey]) -> dict[str, Any]:
    """Write keys as a JWK set with only their known members."""
    return {
        "keys": [
            {
                **key.key.as_dict(private=False),
                **({} if key.kid is None else {"kid": key.kid}),
                "alg": key.algorithm,
                "use": "sig",
            }
            for key in keys
        ]
    }


def _is_name(kid: object) -> bool:
    return isinstance(kid, str) and len(kid) <= 256 and kid.isprintable()


def _read(entry: Mapping[str, Any]) -> PublicKey | None:
    kid = entry.get("kid")
    algorithm = _algorithm(entry)
    if algorithm is None or not (kid is None or _is_name(kid)):
        return None
    named = entry.get("alg", algorithm)
    if not isinstance(named, str) or ALGORITHMS.get(named) != algorithm:
        return None
    if entry.get("use", "sig") != "sig":
        return None
    names = ("kty", "crv", "x", "y", "n", "e")
    members: dict[str, str | list[str]] = {
        name: entry[name] for name in names if isinstance(entry.get(name), str)
    }
    try:
        key = _import(algorithm, members)
    except (JoseError, ValueError, TypeError, KeyError, OverflowError):
        return None
    return PublicKey(kid, algorithm, key)


def _import(algorithm: str, members: dict[str, str | list[str]]) -> ECKey | RSAKey | OKPKey:
    if algorithm == "ES256":
        return ECKey.import_key(members)
    return RSAKey.import_key(members) if algorithm == "RS256" else OKPKey.import_key(members)


def _algorithm(entry: Mapping[str, Any]) -> str | None:
    kind = (entry.get("kty"), entry.get("crv"))
    if kind == ("EC", "P-256"):
        return "ES256"
    if kind == ("OKP", "Ed25519"):
        return "EdDSA"
    return "RS256" if kind[0] == "RSA" and _is_long_enough(entry.get("n")) else None


def _is_long_enough(modulus: object) -> bool:
    if not isinstance(modulus, str):
        return False
    try:
        number = base64.urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4)).lstrip(b"\0")
    except (binascii.Error, ValueError):
        return False
    return 256 <= len(number) <= _LARGEST_RSA_BYTES
