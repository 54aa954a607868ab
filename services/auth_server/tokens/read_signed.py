"""Verify JWTs that this server signed, of one type."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from auth_server.db.engine import DbSession
from auth_server.records.signing_keys.store import list_published_keys
from gatepost.claims import ALGORITHM

LONGEST = 8192


@dataclass(frozen=True, slots=True)
class Signed:
    """The payload of a genuine JWT, whose claims are not checked, its `typ`, and the key that signed it."""

    payload: Mapping[str, Any]
    token_type: str
    kid: str


async def read_signed(db: DbSession, token: str, *, token_types: Collection[str]) -> Signed | None:
    """Verify a JWT with the published keys; None if it is not one of this server and these types."""
    if len(token) > LONGEST or token.count(".") != 2 or not token.isascii():
        return None
    try:
        header = jws.extract_compact(token.encode()).headers()
        token_type = header.get("typ")
        if not isinstance(token_type, str) or token_type not in token_types:
            return None
        if header.get("alg") != ALGORITHM:
            return None
        rows = await list_published_keys(db)
        row = next((row for row in rows if row.kid == header.get("kid")), None)
        if row is None:
            return None
        key = ECKey.import_key(row.public_jwk)
        verified = jws.deserialize_compact(token, key, algorithms=[ALGORITHM])
        payload = json.loads(verified.payload)
    except (JoseError, ValueError, RecursionError):
        return None
    return Signed(payload, token_type, row.kid) if isinstance(payload, dict) else None
