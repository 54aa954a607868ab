"""Verify access tokens: RFC 9068 §4, ES256 only, for this issuer and one resource only."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from gatepost.claims import (
    ALGORITHM,
    BOUND_TOKEN_TYPE,
    TOKEN_TYPE,
    AccessClaims,
    MalformedClaims,
    parse_claims,
)
from gatepost.clock import Now
from gatepost.network.organisation_address import organisation_prefix
from mcp_gateway.auth.jwks import KID, Jwks
from mcp_gateway.auth.verified_tokens import VerifiedTokens

LEEWAY = 30
"""Seconds that clocks may differ, in both directions."""
MAX_LENGTH = 8 * 1024
"""Bytes; a token with a thousand tools is less than half as long."""
_TYPES = {
    f"{prefix}{kind}": kind == BOUND_TOKEN_TYPE
    for kind in (TOKEN_TYPE, BOUND_TOKEN_TYPE)
    for prefix in ("", "application/")
}
"""Whether a token of each type is bound to a key."""
# Other members (`jwk`, `jku`, `x5c`, `x5u`, `crit`, `b64`, …) would let a token choose how it is
# verified.
_HEADER_MEMBERS = frozenset({"alg", "typ", "kid"})


IsRevoked = Callable[[AccessClaims, str], bool]
"""Tells whether a token that the key of that id signed has been revoked."""
Explain = Callable[[AccessClaims, str], str]
"""Says why such a token counts as revoked."""


class InvalidToken(Exception):
    """The gateway does not accept the token; the message says why, and is safe in a header."""


class TokenVerifier:
    """Verifies tokens and caches the results: checking a signature costs more than a call."""

    def __init__(
        self,
        *,
        jwks: Jwks,
        issuer: str,
        resource: str,
        is_revoked: IsRevoked,
        now: Now,
        explain: Explain = lambda claims, kid: "the token was revoked",
    ) -> None:
        """Take the keys, the strings that `iss` and `aud` must equal, and the revocation check."""
        self._jwks = jwks
        self._issuer = issuer
        self._resource = resource
        self._organisations = organisation_prefix(resource)
        self._is_revoked = is_revoked
        self._explain = explain
        self._now = now
        self._verified = VerifiedTokens()

    async def verify(self, token: bytes, organisation: str = "") -> AccessClaims:
        """Verify one compact JWS that anybody may use who has it.

        Raises:
            InvalidToken: the token is not acceptable, or is bound to a key; the message says why.
            KeysUnavailable: the gateway can't verify tokens at the moment.
        """
        claims = await self.verify_unproven(token, organisation)
        if claims.confirmation is not None:
            raise InvalidToken("the token is bound to a key, which must be proved")
        return claims

    async def verify_unproven(self, token: bytes, organisation: str = "") -> AccessClaims:
        """Verify one compact JWS whose `confirmation`, if there is one, the caller still has to check.

        It must be for the gateway's own resource, or with an `organisation` for that one's address.

        Raises:
            InvalidToken: the token is not acceptable; the message says why.
            KeysUnavailable: the gateway can't verify tokens at the moment.
        """
        if len(token) > MAX_LENGTH:
            raise InvalidToken("the token is too long")
        resource = self._organisations + organisation if organisation else self._resource
        digest = hashlib.sha256(token).digest()
        cached = self._verified.get(digest)
        if cached is not None:
            claims, kid, key = cached
            if claims.aud != resource:
                raise InvalidToken("the token is for another resource")
            # Withdrawing a key also ends the tokens that it signed.
            if self._jwks.known(kid) is key:
                try:
                    self._require_current(claims.exp)
                    self._require_unrevoked(claims, kid)
                except InvalidToken:
                    self._verified.drop(digest)
                    raise
                return claims
            self._verified.drop(digest)
        claims, kid, key = await self._verify(token, resource)
        if organisation and claims.tenant_id != organisation:
            raise InvalidToken("the token is for another organisation")
        self._require_unrevoked(claims, kid)
        return self._verified.keep(digest, claims, kid, key)

    async def _verify(self, token: bytes, resource: str) -> tuple[AccessClaims, str, ECKey]:
        kid, bound = _require_header(token)
        key = await self._jwks.find(kid)
        if key is None:
            raise InvalidToken("the token is signed with an unknown key")
        try:
            payload = jws.deserialize_compact(token, key, algorithms=[ALGORITHM]).payload
            claims = orjson.loads(payload)
        except (JoseError, ValueError) as error:
            raise InvalidToken("the signature or the payload of the token is wrong") from error
        if not isinstance(claims, dict):
            raise InvalidToken("the payload of the token is not an object")
        verified = self._require_claims(claims, resource)
        if bound != (verified.confirmation is not None):
            raise InvalidToken("the type of the token does not say whether it is bound to a key")
        return verified, kid, key

    def _require_claims(self, payload: Mapping[str, Any], resource: str) -> AccessClaims:
        if payload.get("iss") != self._issuer:
            raise InvalidToken("the token is from another issuer")
        if payload.get("aud") not in (resource, [resource]):
            raise InvalidToken("the token is for another resource")
        try:
            claims = parse_claims({**payload, "aud": resource})
        except MalformedClaims as error:
            raise InvalidToken(str(error)) from error
        self._require_current(claims.exp)
        now = self._now().timestamp()
        not_before = payload.get("nbf", 0)
        if isinstance(not_before, bool) or not isinstance(not_before, int):
            raise InvalidToken("claim nbf is not a whole number")
        if claims.iat > now + LEEWAY or not_before > now + LEEWAY:
            raise InvalidToken("the token is not valid yet")
        return claims

    def _require_current(self, exp: int) -> None:
        if self._now().timestamp() >= exp + LEEWAY:
            raise InvalidToken("the token has expired")

    def _require_unrevoked(self, claims: AccessClaims, kid: str) -> None:
        if self._is_revoked(claims, kid):
            raise InvalidToken(self._explain(claims, kid))


def _require_header(token: bytes) -> tuple[str, bool]:
    """Check the JOSE header before any cryptography.

    Returns:
        The key id, and whether the token says that it is bound to a key.
    """
    segment = token.partition(b".")[0]
    try:
        padded = segment + b"=" * (-len(segment) % 4)
        header = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise InvalidToken("the token is not a JWT") from error
    if not isinstance(header, dict) or not header.keys() <= _HEADER_MEMBERS:
        raise InvalidToken("the header of the token holds more than alg, typ and kid")
    if header.get("alg") != ALGORITHM:
        raise InvalidToken(f"the token is not signed with {ALGORITHM}")
    kind = header.get("typ")
    bound = _TYPES.get(kind.lower()) if isinstance(kind, str) else None
    if bound is None:
        raise InvalidToken(f"the token is not of type {TOKEN_TYPE}")
    kid = header.get("kid")
    if not isinstance(kid, str) or not KID.fullmatch(kid):
        raise InvalidToken("the token does not name a key")
    return kid, bound
