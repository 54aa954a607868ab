"""SQL on authorization codes; redeeming them is in `tokens.statements`."""

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from auth_server.records.authorization_codes.table import AuthorizationCode


async def add_code(db: AsyncSession, code: AuthorizationCode) -> None:
    """Store an issued code."""
    db.add(code)
    await db.flush()


async def purge_codes(db: AsyncSession, *, before: datetime) -> None:
    """Forget codes that were over before then."""
    await db.execute(delete(AuthorizationCode).where(col(AuthorizationCode.expires_at) < before))
