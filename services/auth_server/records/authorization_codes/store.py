"""SQL on authorization codes; `redemptions.statements` redeems them."""

from datetime import datetime

from sqlalchemy import delete
from sqlmodel import col

from auth_server.db.engine import DbSession
from auth_server.records.authorization_codes.table import AuthorizationCode


async def add_code(db: DbSession, code: AuthorizationCode) -> None:
    """Store an issued code."""
    db.add(code)
    await db.flush()


async def purge_codes(db: DbSession, *, before: datetime) -> None:
    """Delete codes that expired before a time."""
    await db.execute(delete(AuthorizationCode).where(col(AuthorizationCode.expires_at) < before))
