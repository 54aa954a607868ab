"""Read ID tokens that clients send back as a hint."""

from dataclasses import dataclass

from auth_server.db.engine import DbSession
from auth_server.tokens.id_token import ID_TOKEN_TYPE
from auth_server.tokens.read_signed import read_signed


@dataclass(frozen=True, slots=True)
class IdTokenHint:
    """The person, the client and the session of an ID token."""

    person_id: str
    client_id: str
    session_id: str


async def read_id_token(db: DbSession, token: str, *, issuer: str) -> IdTokenHint | None:
    """Verify an `id_token_hint`, which may have expired (RP-Initiated Logout §4).

    None if this server did not sign it, or no longer publishes the key.
    """
    signed = await read_signed(db, token, token_types={ID_TOKEN_TYPE})
    if signed is None or signed.payload.get("iss") != issuer:
        return None
    found = [signed.payload.get(name) for name in ("sub", "aud", "sid")]
    if not all(isinstance(value, str) for value in found):
        return None
    return IdTokenHint(*map(str, found))
