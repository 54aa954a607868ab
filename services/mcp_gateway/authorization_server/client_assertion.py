"""Authenticate the gateway to the authorization server (RFC 7523 §2.2, §3)."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from joserfc import jwt
from joserfc.jwk import ECKey

from gatepost.claims import ALGORITHM
from gatepost.clock import Now

_LIFETIME = timedelta(seconds=60)
_TYPE = "client-authentication+jwt"


class ClientAssertions:
    """Signs a `private_key_jwt` assertion for each request with the gateway's own key."""

    def __init__(
        self, key: ECKey, *, resource: str, issuer: str, now: Now, new_id: Callable[[], str]
    ) -> None:
        """Take the key, the gateway's resource, which is its client id, and the issuer."""
        self._key = key
        self._resource = resource
        self._issuer = issuer
        self._now = now
        self._new_id = new_id

    def form(self) -> Mapping[str, str]:
        """Return the two parameters that authenticate one request."""
        issued = int(self._now().timestamp())
        claims = {
            "iss": self._resource,
            "sub": self._resource,
            "aud": self._issuer,
            "jti": self._new_id(),
            "iat": issued,
            "exp": issued + int(_LIFETIME.total_seconds()),
        }
        header = {"alg": ALGORITHM, "typ": _TYPE, "kid": self._key.thumbprint()}
        return {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jwt.encode(header, claims, self._key, algorithms=[ALGORITHM]),
        }
