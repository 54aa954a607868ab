"""Verify access tokens that this server signed."""

from dataclasses import dataclass
from datetime import datetime

from auth_server.db.engine import DbSession
from auth_server.tokens.read_signed import read_signed
from gatepost.claims import (
    BOUND_TOKEN_TYPE,
    TOKEN_TYPE,
    AccessClaims,
    MalformedClaims,
    parse_claims,
)


@dataclass(frozen=True, slots=True)
class ReadToken:
    """A genuine, unexpired access token, which may still be revoked."""

    claims: AccessClaims
    kid: str


async def read_access_token(
    db: DbSession, token: str, *, issuer: str, now: datetime
) -> ReadToken | None:
    """Verify a token with the published keys; None if it is not a live one of this server."""
    signed = await read_signed(db, token, token_types={TOKEN_TYPE, BOUND_TOKEN_TYPE})
    if signed is None:
        return None
    try:
        claims = parse_claims(signed.payload)
    except MalformedClaims:
        return None
    if claims.iss != issuer or now.timestamp() >= claims.exp:
        return None
    if (signed.token_type == BOUND_TOKEN_TYPE) != (claims.confirmation is not None):
        return None
    return ReadToken(claims, signed.kid)
