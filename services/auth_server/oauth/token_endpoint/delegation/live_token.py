"""Read an access token of this server that has neither expired nor been revoked."""

from datetime import datetime

from auth_server.db.engine import DbSession
from auth_server.records.revocations.store import list_by_names
from auth_server.tokens.read_access_token import ReadToken, read_access_token
from gatepost.revocations import RevocationList, names_of


async def read_live_token(
    db: DbSession, token: str, *, issuer: str, now: datetime
) -> ReadToken | None:
    """Return a token that is valid for at least another second, or None."""
    read = await read_access_token(db, token, issuer=issuer, now=now)
    if read is None or read.claims.exp - now.timestamp() < 1:
        return None
    return None if await is_revoked(db, read, now=now) else read


async def is_revoked(db: DbSession, read: ReadToken, *, now: datetime) -> bool:
    """Return whether a token, or something that it depends on, was revoked."""
    named = await list_by_names(db, names_of(read.claims, read.kid), now=now)
    return RevocationList(named).is_revoked(read.claims, read.kid)
