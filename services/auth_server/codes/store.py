"""The only SQL on authorization codes."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from auth_server.codes.table import AuthorizationCode


async def add_code(db: AsyncSession, code: AuthorizationCode) -> None:
    """Store an issued code."""
    db.add(code)
    await db.flush()


async def find_code(db: AsyncSession, code_hash: str) -> AuthorizationCode | None:
    """Look up a code, redeemed and expired ones too."""
    return await db.get(AuthorizationCode, code_hash)


async def redeem_code(db: AsyncSession, code_hash: str, *, now: datetime) -> bool:
    """Use a code up, in one statement; answers whether this call was the one that did.

    Of any number of parallel calls exactly one is told True (OAuth 2.1 §4.1.3).
    """
    redeemed = await db.execute(
        update(AuthorizationCode)
        .where(
            col(AuthorizationCode.code_hash) == code_hash,
            col(AuthorizationCode.redeemed_at).is_(None),
            col(AuthorizationCode.expires_at) > now,
        )
        .values(redeemed_at=now)
        .returning(col(AuthorizationCode.code_hash))
    )
    return redeemed.scalar_one_or_none() is not None
