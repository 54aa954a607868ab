"""Verify client assertions: their claims and their signature.

The functions are pure. They follow RFC 7523 §3, with the audience rule of its successor: only the
issuer, so that no other server can use a client's assertions here.
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
# A token of another kind, signed with the same key, must not authenticate a client.
_TYPES = frozenset({"jwt", "client-authentication+jwt"})
# These would supply a key, or change the signed input.
_REFUSED_HEADERS = ("jwk", "jku", "x5c", "x5u", "crit", "b64")


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion as it was sent, which is not verified."""

    client_id: str
    kid: str | None
    algorithm: str
    claims: Mapping[str, Any] = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OneUse:
    """The id and expiry by which a second use of an assertion is detected."""

    jti: str
    expires_at: datetime


def parse_assertion(text: str) -> Assertion:
    """Parse a client's own assertion: a JWT whose subject is its issuer.

    Raises:
        InvalidClient: the assertion is malformed; `detail` says why.
    """
    assertion = parse_jwt(text)
    if not assertion.client_id or assertion.claims.get("iss") != assertion.client_id:
        _refuse("iss and sub are not one client")
    return assertion


def read_header(text: str) -> Mapping[str, Any]:
    """Read the header of a JWT, which nobody has verified.

    Raises:
        InvalidClient: it is malformed.
    """
    if len(text) > _LONGEST or not text.isascii():
        _refuse("not a compact JWS")
    return _read_object(text.partition(".")[0])


def parse_jwt(text: str) -> Assertion:
    """Parse a compact JWS with a known algorithm, whose `sub` becomes the client's id.

    Raises:
        InvalidClient: the JWT is malformed; `detail` says why.
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
    subject = claims.get("sub", "")
    # Ids are printable, and PostgreSQL refuses queries with some other characters.
    if not isinstance(subject, str) or not subject.isprintable():
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
    """Refuse an assertion for another server or another time.

    Raises:
        InvalidClient: a claim is wrong; `detail` names it.
    """
    claims, leeway = assertion.claims, LEEWAY.total_seconds()
    if claims.get("aud") not in (issuer, [issuer]):
        _refuse("aud is not exactly this issuer")
    moment = now.timestamp()
    expires = read_time(claims, "exp")
    if expires is None or not moment - leeway < expires <= moment + _seconds() + leeway:
        _refuse("exp is missing, in the past, or more than five minutes ahead")
    issued, begins = read_time(claims, "iat"), read_time(claims, "nbf")
    if issued is not None and not (issued <= moment + leeway and expires - issued <= _seconds()):
        _refuse("iat is in the future, or more than five minutes before exp")
    if begins is not None and begins > moment + leeway:
        _refuse("nbf is in the future")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 255 or not jti.isprintable():
        _refuse("jti is missing or malformed")
    return OneUse(jti, datetime.fromtimestamp(expires, UTC) + LEEWAY)


def require_signature(assertion: Assertion, keys: Sequence[PublicKey]) -> None:
    """Refuse an assertion that none of the client's keys signed.

    The key decides the algorithm, not the header. If several keys fit, `kid` selects one; a single
    key without an id needs no `kid`.

    Raises:
        InvalidClient: the header does not select exactly one key, or the signature is wrong.
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
        _refuse("not JSON, or a repeated member")
    if not isinstance(value, dict):
        _refuse("not a JSON object")
    return cast("Mapping[str, Any]", value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("repeated member")
    return members


def read_time(claims: Mapping[str, Any], name: str) -> float | None:
    """Read a time in seconds; None if the claim is missing.

    Raises:
        InvalidClient: it is not a time.
    """
    value = claims.get(name)
    if value is None:
        return None
    # The bounds also exclude NaN, infinity, and integers too large for a float.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        _refuse(f"{name} is not a time")
    return float(value)
