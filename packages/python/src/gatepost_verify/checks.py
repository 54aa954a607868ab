"""The checks of an assertion, in their order. Each raises `AssertionRefused` and returns nothing.

Claims are quoted in reasons, because they are read only after the signature is verified.
"""

import base64
import hashlib
import hmac
import json
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from gatepost_verify.caller import Caller, read_data_scope
from gatepost_verify.errors import AssertionRefused, Code, DataScopeUnsupported
from gatepost_verify.presented import Presented

TYPE = "gatepost-assertion+jwt"
LONGEST = 32 * 1024
MOST_SECONDS = 120
_MOST_ACTORS = 10
Claims = dict[str, Any]
_jws = jwt.PyJWS(algorithms=["ES256"])


@dataclass(frozen=True, slots=True)
class Expected:
    """The values that an API accepts."""

    issuer: str
    audience: str
    data_kinds: Collection[str]
    leeway: int


def read_kid(assertion: str) -> str:
    """Read the key's id, from a header that can be no other kind of token (RFC 8725 §3.1, §3.11)."""
    header = _read_header(assertion)
    if header.get("alg") != "ES256":
        raise AssertionRefused("algorithm", "alg is not ES256")
    if header.get("typ") != TYPE:
        raise AssertionRefused("type", f"typ is not {TYPE}")
    if "crit" in header:
        raise AssertionRefused("malformed", "its header requires an extension")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise AssertionRefused("key", "it names no key")
    return kid


def _read_header(assertion: str) -> Claims:
    parts = assertion.split(".")
    if len(assertion) > LONGEST or len(parts) != 3:
        raise AssertionRefused("malformed", "it is not a compact JWS of at most 32 KiB")
    try:
        header = json.loads(base64.urlsafe_b64decode(parts[0] + "=="))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise AssertionRefused("malformed", "its header is not a JSON object")
    return header


def verify_signature(assertion: str, key: EllipticCurvePublicKey) -> Claims:
    """Verify the signature (RFC 7515 §5.2) and read the claims."""
    signature = assertion.rpartition(".")[2]
    try:
        # Some versions of PyJWT ignore what is not base64url, such as a second header's comma.
        if _encode(base64.urlsafe_b64decode(signature + "==")) != signature.encode():
            raise ValueError("not base64url")
        payload = _jws.decode(assertion, key, algorithms=["ES256"])
    except (jwt.PyJWTError, ValueError):
        raise AssertionRefused("signature", "it is not signed by the key that it names") from None
    try:
        claims = json.loads(payload)
    except ValueError:
        claims = None
    if not isinstance(claims, dict):
        raise AssertionRefused("claims", "its payload is not a JSON object")
    return claims


def check_issuer(claims: Claims, expected: Expected, _: Presented, now: float) -> None:
    """Accept one gateway."""
    _require_equal("issuer", "iss", claims, expected.issuer)


def check_audience(claims: Claims, expected: Expected, _: Presented, now: float) -> None:
    """Accept assertions for this API only; a list is not accepted."""
    _require_equal("audience", "aud", claims, expected.audience)


def check_times(claims: Claims, expected: Expected, _: Presented, now: float) -> None:
    """Accept it for as long as it says, two minutes at most, give or take the clocks' difference."""
    issued, expires = _whole(claims, "iat"), _whole(claims, "exp")
    if not 0 < expires - issued <= MOST_SECONDS:
        raise AssertionRefused("lifetime", f"it is valid for {expires - issued} seconds")
    if issued > now + expected.leeway:
        raise AssertionRefused(
            "not_yet_valid",
            f"it was signed {issued - now:.0f} seconds in the future; compare clocks",
        )
    if expires <= now - expected.leeway:
        raise AssertionRefused(
            "expired", f"it expired {now - expires:.0f} seconds ago; compare clocks"
        )


def check_method(claims: Claims, _: Expected, presented: Presented, now: float) -> None:
    """Accept it for the method that it was signed for."""
    _require_equal("method", "htm", claims, presented.method)


def check_url(claims: Claims, _: Expected, presented: Presented, now: float) -> None:
    """Accept it for the URL that it was signed for, with its query."""
    htu = _text(claims, "htu", code="url")
    if not presented.url.matches(htu):
        signed, here = htu.partition("?")[0], str(presented.url)
        differ = "the queries differ" if signed == here else f"this request is for {here!r}"
        raise AssertionRefused("url", f"htu is for {signed!r}, {differ}")


def check_body(claims: Claims, _: Expected, presented: Presented, now: float) -> None:
    """Accept it for the bytes that it was signed for."""
    digest = _encode(hashlib.sha256(presented.body).digest())
    if not hmac.compare_digest(_text(claims, "body_sha256", code="body").encode(), digest):
        raise AssertionRefused(
            "body", f"body_sha256 is not the hash of the body of {len(presented.body)} bytes"
        )


CHECKS: tuple[Callable[[Claims, Expected, Presented, float], None], ...] = (
    check_issuer,
    check_audience,
    check_times,
    check_method,
    check_url,
    check_body,
)


def read_caller(claims: Claims, expected: Expected) -> Caller:
    """Read who is calling; somebody and a tenant must be named."""
    env = _text(claims, "env")
    if env not in ("live", "test"):
        raise AssertionRefused("claims", f"env is {env!r}, neither live nor test")
    data_scope = read_data_scope(claims.get("data_scope"))
    if data_scope is None:
        raise AssertionRefused("claims", "data_scope is not a list of kind:value")
    unsupported = sorted(data_scope.keys() - set(expected.data_kinds))
    if unsupported:
        raise DataScopeUnsupported(
            f"data_kinds does not name {', '.join(unsupported)}, by which the connection is restricted"
        )
    return Caller(
        sub=_text(claims, "sub"),
        tenant_id=_text(claims, "tenant_id"),
        data_scope=data_scope,
        client_id=_text(claims, "client_id"),
        tool=_text(claims, "tool"),
        # The gateway appends the attempt to the id, as in `ID.2`, when it repeats a request.
        call_id=_text(claims, "jti").partition(".")[0],
        env="test" if env == "test" else "live",
        actors=_read_actors(claims),
    )


def remember_for(claims: Claims, expected: Expected, now: float) -> int:
    """Count the seconds in which the assertion could be used again."""
    return max(1, math.ceil(_whole(claims, "exp") + expected.leeway - now))


def _encode(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _require_equal(code: Code, name: str, claims: Claims, value: str) -> None:
    if claims.get(name) != value:
        raise AssertionRefused(code, f"{name} is {claims.get(name)!r}, expected {value!r}")


def _text(claims: Claims, name: str, *, code: Code = "claims") -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise AssertionRefused(code, f"{name} is missing, empty or not a string")
    return value


def _read_actors(claims: Claims) -> tuple[str, ...]:
    """Read the chain of actors, the current one first (RFC 8693 §4.1)."""
    actors: list[str] = []
    holder = claims
    while "act" in holder:
        act = holder["act"]
        if not isinstance(act, dict) or len(actors) == _MOST_ACTORS:
            raise AssertionRefused("claims", "act is not an object, or is nested too deeply")
        actors.append(_text(act, "sub"))
        holder = act
    return tuple(actors)


def _whole(claims: Claims, name: str) -> int:
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise AssertionRefused("claims", f"{name} is missing or not a whole number")
    return value
