"""Client assertions: what a signed statement must say, and whose key must have signed it.

Pure functions on text; RFC 7523 §3, with the audience rule of its successor: the issuer, and only
it, so that no other server that a client talks to can use its assertions here.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, cast

from joserfc import jws

from auth_server.errors import InvalidClient
from auth_server.jwks import ALGORITHMS, PublicKey

LONGEST_LIFETIME = timedelta(minutes=5)
LEEWAY = timedelta(seconds=30)

_LONGEST = 8192
# An assertion of another kind, signed with the same key, is not one that authenticates a client.
_TYPES = frozenset({"jwt", "client-authentication+jwt"})
# Each would bring its own key, or change what is signed.
_REFUSED_HEADERS = ("jwk", "jku", "x5c", "x5u", "crit", "b64")


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion as it was sent; nothing in it is proven."""

    client_id: str
    kid: str | None
    algorithm: str
    claims: Mapping[str, Any] = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OneUse:
    """What makes an assertion worth nothing the second time."""

    jti: str
    expires_at: datetime


def parse_assertion(text: str) -> Assertion:
    """Read an assertion's shape: a compact JWS of a known algorithm whose subject is its issuer.

    Raises:
        InvalidClient: it is anything else; `detail` says what.
    """
    parts = text.split(".")
    if len(text) > _LONGEST or len(parts) != 3 or not text.isascii():
        _refuse("not a compact JWS")
    header, claims = _read_object(parts[0]), _read_object(parts[1])
    if any(name in header for name in _REFUSED_HEADERS):
        _refuse("a header member that is not allowed")
    named, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    algorithm = ALGORITHMS.get(named) if isinstance(named, str) else None
    if algorithm is None:
        _refuse("an algorithm that is not allowed")
    if not (kid is None or isinstance(kid, str)):
        _refuse("kid is not a string")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in _TYPES:
        _refuse("a token of another type")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject or claims.get("iss") != subject:
        _refuse("iss and sub are not one client")
    # No id holds what is not printable, and PostgreSQL can't even be asked for some of it.
    if not subject.isprintable():
        _refuse("sub can't be a client's id")
    return Assertion(
        client_id=subject,
        kid=kid,
        algorithm=algorithm,
        claims=claims,
        signed=f"{parts[0]}.{parts[1]}".encode(),
        signature=_decode(parts[2]),
    )


def require_claims(assertion: Assertion, *, issuer: str, now: datetime) -> OneUse:
    """Refuse an assertion that is not for this server, or not for now.

    Raises:
        InvalidClient: `detail` names the claim.
    """
    claims, leeway = assertion.claims, LEEWAY.total_seconds()
    if claims.get("aud") not in (issuer, [issuer]):
        _refuse("aud is not this issuer, and only it")
    moment = now.timestamp()
    expires = _read_time(claims, "exp")
    if expires is None or not moment - leeway < expires <= moment + _seconds() + leeway:
        _refuse("exp is missing, past, or more than five minutes ahead")
    issued, begins = _read_time(claims, "iat"), _read_time(claims, "nbf")
    if issued is not None and not (issued <= moment + leeway and expires - issued <= _seconds()):
        _refuse("iat is in the future, or more than five minutes before exp")
    if begins is not None and begins > moment + leeway:
        _refuse("nbf is in the future")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 255 or not jti.isprintable():
        _refuse("jti is missing or unusable")
    return OneUse(jti, datetime.fromtimestamp(expires, UTC) + LEEWAY)


def require_signature(assertion: Assertion, keys: Sequence[PublicKey]) -> None:
    """Refuse an assertion that none but another's key signed.

    The algorithm is the key's, never the header's choice. With several keys that could have
    signed, `kid` says which; a lone key without a name needs none.

    Raises:
        InvalidClient: no key, or not exactly one, is meant; or the signature is wrong.
    """
    fitting = [key for key in keys if key.algorithm == assertion.algorithm]
    if assertion.kid is not None and not (len(fitting) == 1 and fitting[0].kid is None):
        fitting = [key for key in fitting if key.kid == assertion.kid]
    if len(fitting) != 1:
        _refuse("kid and alg do not name one registered key")
    key = fitting[0]
    name = "Ed25519" if key.algorithm == "EdDSA" else key.algorithm
    if (
        not jws.JWSRegistry(algorithms=[name])
        .get_alg(name)
        .verify(assertion.signed, assertion.signature, key.key)
    ):
        _refuse("the signature is wrong")


def _seconds() -> float:
    return LONGEST_LIFETIME.total_seconds()


def _refuse(detail: str) -> NoReturn:
    raise InvalidClient("client authentication failed", detail=f"client_assertion: {detail}")


def _decode(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        _refuse("not base64url")


def _read_object(part: str) -> Mapping[str, Any]:
    try:
        value = json.loads(_decode(part), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        _refuse("not JSON, or a member twice")
    if not isinstance(value, dict):
        _refuse("not a JSON object")
    return cast("Mapping[str, Any]", value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("repeated member")
    return members


def _read_time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    # The bounds also keep out NaN, infinity, and integers that no float holds.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        _refuse(f"{name} is not a time")
    return float(value)
