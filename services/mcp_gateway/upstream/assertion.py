"""The identity assertion: a signed statement of the caller's identity for one upstream request.

`Gatepost-Assertion: <compact JWS>`, ES256, verifiable with the gateway's JWKS. It is bound to the
method, the URL and the body, so it is not valid for another request.
"""

import hashlib
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey

from gatepost.claims import ALGORITHM, AccessClaims, write_actors
from gatepost.clock import Now
from mcp_gateway.requests.request import HttpRequest

TYPE = "gatepost-assertion+jwt"
LIFETIME = timedelta(seconds=60)
_SECONDS = int(LIFETIME.total_seconds())


class AssertionSigner:
    """Signs assertions from this resource for one upstream audience."""

    def __init__(self, key: ECKey, *, resource: str, audience: str, now: Now) -> None:
        """Take the gateway's own key."""
        private = key.get_op_key("sign")
        assert isinstance(private, EllipticCurvePrivateKey)  # noqa: S101 - the key's type
        self._key = private
        self._algorithm = ECDSA(SHA256())
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": key.thumbprint()}
        # Every assertion has the same header, so it is checked and encoded once.
        self._header = _encode(orjson.dumps(header))
        self._resource = resource
        self._audience = audience
        self._now = now

    def sign(self, request: HttpRequest, caller: AccessClaims, tool: str, call_id: str) -> str:
        """Return the assertion of who makes this request, through which client and tool."""
        issued = int(self._now().timestamp())
        body = request.body
        claims: dict[str, Any] = {
            "iss": self._resource,
            "aud": self._audience,
            "sub": caller.sub,
            "tenant_id": caller.tenant_id,
            "data_scope": str(caller.data_scope),
            "client_id": caller.client_id,
            "env": caller.env,
            "tool": tool,
            "jti": call_id,
            "iat": issued,
            "exp": issued + _SECONDS,
            "htm": request.method,
            "htu": request.url,
            "body_sha256": _hash(body) if body else _EMPTY,
        }
        if caller.actors:
            claims["act"] = write_actors(caller.actors)
        return self._sign(claims)

    def sign_subject(self, who: tuple[str, ...], token_url: str, jti: str) -> str:
        """Return a subject token for a token endpoint to exchange (RFC 8693 §2.1).

        Its audience is that endpoint, so it is not valid anywhere else.
        """
        tenant_id, sub, data_scope, client_id, *actors = who
        issued = int(self._now().timestamp())
        claims: dict[str, Any] = {
            "iss": self._resource,
            "aud": token_url,
            "sub": sub,
            "tenant_id": tenant_id,
            "data_scope": data_scope,
            "client_id": client_id,
            "jti": jti,
            "iat": issued,
            "exp": issued + _SECONDS,
        }
        if actors:
            claims["act"] = write_actors(tuple(actors))
        return self._sign(claims)

    def _sign(self, claims: dict[str, Any]) -> str:
        signed = self._header + b"." + _encode(orjson.dumps(claims))
        # Done by hand at half of joserfc's cost (RFC 7518 §3.4): r and s, 32 bytes each.
        r, s = decode_dss_signature(self._key.sign(signed, self._algorithm))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return (signed + b"." + _encode(signature)).decode("ascii")


def _encode(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _hash(body: bytes) -> str:
    return _encode(hashlib.sha256(body).digest()).decode("ascii")


_EMPTY = _hash(b"")
