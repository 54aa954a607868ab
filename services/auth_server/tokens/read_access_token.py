"""Verify access tokens that this server signed."""

import json
from dataclasses import dataclass
from datetime import datetime

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from auth_server.db.engine import DbSession
from auth_server.records.signing_keys.store import list_published_keys
from gatepost.claims import ALGORITHM, TOKEN_TYPE, AccessClaims, MalformedClaims, parse_claims

_LONGEST = 8192


@dataclass(frozen=True, slots=True)
class ReadToken:
    """A genuine, unexpired access token, which may still be revoked."""

    claims: AccessClaims
    kid: str


async def read_access_token(
    db: DbSession, token: str, *, issuer: str, now: datetime
) -> ReadToken | None:
    """Verify a token with the published keys; None if it is not a live one of this server."""
    if len(token) > _LONGEST or token.count(".") != 2 or not token.isascii():
        return None
    try:
        header = jws.extract_compact(token.encode()).headers()
        if header.get("typ") != TOKEN_TYPE or header.get("alg") != ALGORITHM:
            return None
        rows = await list_published_keys(db)
        row = next((row for row in rows if row.kid == header.get("kid")), None)
        if row is None:
            return None
        key = ECKey.import_key(row.public_jwk)
        verified = jws.deserialize_compact(token, key, algorithms=[ALGORITHM])
        payload = json.loads(verified.payload)
        claims = parse_claims(payload) if isinstance(payload, dict) else None
    except (JoseError, MalformedClaims, ValueError, RecursionError):
        return None
    if claims is None or claims.iss != issuer or now.timestamp() >= claims.exp:
        return None
    return ReadToken(claims, row.kid)
