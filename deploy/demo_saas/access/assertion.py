"""Verifies Gatepost's identity assertion, with every check that an API needs to accept the gateway.

Each request from the gateway has the header `Gatepost-Assertion`, a compact JWS that names the
caller and is valid once, for the method, URL and body of this request.
"""

import base64
import hashlib
import hmac
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from demo_saas.access.gateway_keys import GatewayKeys
from demo_saas.clock import Now

LEEWAY = 30
MAX_LIFETIME = 120
MAX_REMEMBERED = 100_000


class AssertionRefused(Exception):
    """The assertion is not accepted; the message names the failed check and contains no values."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """The caller that the gateway asserts: a person, in a tenant, through a client and a tool."""

    sub: str
    tenant_id: str
    data_scope: str
    client_id: str
    tool: str
    jti: str


class AssertionVerifier:
    """Accepts each assertion of one gateway for one API once."""

    def __init__(self, *, issuer: str, audience: str, keys: GatewayKeys, now: Now) -> None:
        """Trust assertions by `issuer` (the gateway's resource) for `audience` (this API)."""
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._now = now
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._lock = Lock()

    def verify(self, compact: str, *, method: str, url: str, body: bytes) -> Assertion:
        """Check the header's value against its request.

        Args:
            compact: the value of `Gatepost-Assertion`.
            method: the request's method.
            url: the full URL as the gateway called it: public base URL, path and query, encoded.
            body: the body's raw bytes; empty if there is none.

        Raises:
            AssertionRefused: any check failed.
        """
        claims = self._verify_signature(compact)

        if claims.get("iss") != self._issuer:
            raise AssertionRefused("iss is not the gateway this API trusts")
        if claims.get("aud") != self._audience:
            raise AssertionRefused("aud is not this API")
        now = self._now().timestamp()
        issued, expires = _whole(claims, "iat"), _whole(claims, "exp")
        if issued > now + LEEWAY:
            raise AssertionRefused("iat is in the future")
        if expires <= now - LEEWAY:
            raise AssertionRefused("it has expired")
        if not 0 < expires - issued <= MAX_LIFETIME:
            raise AssertionRefused(f"it is valid for more than {MAX_LIFETIME} seconds")

        if claims.get("htm") != method:
            raise AssertionRefused("htm is not this request's method")
        if claims.get("htu") != url:
            raise AssertionRefused("htu is not this request's URL")
        if not hmac.compare_digest(_text(claims, "body_sha256").encode(), _hash(body)):
            raise AssertionRefused("body_sha256 is not this body's hash")

        assertion = Assertion(
            sub=_text(claims, "sub"),
            tenant_id=_text(claims, "tenant_id"),
            data_scope=_text(claims, "data_scope"),
            client_id=_text(claims, "client_id"),
            tool=_text(claims, "tool"),
            jti=_text(claims, "jti"),
        )
        if not (assertion.sub and assertion.tenant_id and assertion.jti):
            raise AssertionRefused("sub, tenant_id or jti is empty")
        self._require_first_use(assertion.jti, forget_at=expires + LEEWAY)
        return assertion

    def _verify_signature(self, compact: str) -> dict[str, Any]:
        def key_of(signed: Any) -> ECKey:
            key = self._keys.find(signed.headers().get("kid"))
            if key is None:
                raise AssertionRefused("kid is not a key of the gateway")
            return key

        try:
            token = jwt.decode(compact, key_of, algorithms=["ES256"])
        except (JoseError, ValueError) as error:
            raise AssertionRefused("it is not signed by the gateway") from error
        # Without this, any other token signed with the same key would do (RFC 8725 §3.11).
        if token.header.get("typ") != "gatepost-assertion+jwt":
            raise AssertionRefused("typ is not gatepost-assertion+jwt")
        return token.claims

    def _require_first_use(self, jti: str, *, forget_at: float) -> None:
        now = self._now().timestamp()
        with self._lock:
            # All have about the same lifetime, so the oldest entries expire first.
            while self._seen and next(iter(self._seen.values())) <= now:
                self._seen.popitem(last=False)
            if jti in self._seen:
                raise AssertionRefused("it was used before")
            if len(self._seen) >= MAX_REMEMBERED:
                raise AssertionRefused("too many were used within two minutes; try again shortly")
            self._seen[jti] = forget_at


def _hash(body: bytes) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=")


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise AssertionRefused(f"{name} is missing or not a string")
    return value


def _whole(claims: dict[str, Any], name: str) -> int:
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise AssertionRefused(f"{name} is missing or not a whole number")
    return value
