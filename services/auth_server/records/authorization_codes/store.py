"""SQL on authorization codes; `redemptions.statements` redeems them."""

from datetime import datetime

from sqlmodel import col

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.authorization_codes.table import AuthorizationCode


async def add_code(db: DbSession, code: AuthorizationCode) -> None:
    """Store an issued code."""
    db.add(code)
    await db.flush()


async def purge_codes(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the codes that expired before a time; return whether there may be more."""
    return await delete_some(db, AuthorizationCode, col(AuthorizationCode.expires_at) < before)
