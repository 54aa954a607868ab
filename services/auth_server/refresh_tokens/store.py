"""The only SQL on refresh tokens."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from auth_server.refresh_tokens.table import RefreshToken


async def add_refresh_token(db: AsyncSession, token: RefreshToken) -> None:
    """Store one generation."""
    db.add(token)
    await db.flush()


async def find_refresh_token(db: AsyncSession, token_hash: str) -> RefreshToken | None:
    """Look up a refresh token as it stands now, used, expired and revoked ones too."""
    return await db.get(RefreshToken, token_hash, populate_existing=True)


async def use_refresh_token(db: AsyncSession, token_hash: str, *, now: datetime) -> bool:
    """Note the first use of a token, in one statement; answers whether this call was the first.

    Of any number of parallel calls exactly one is told True.
    """
    used = await db.execute(
        update(RefreshToken)
        .where(
            col(RefreshToken.token_hash) == token_hash,
            col(RefreshToken.first_used_at).is_(None),
            col(RefreshToken.revoked_at).is_(None),
        )
        .values(first_used_at=now)
        .returning(col(RefreshToken.token_hash))
    )
    return used.scalar_one_or_none() is not None


async def revoke_family(db: AsyncSession, family_id: str, *, now: datetime) -> None:
    """End every token of a family."""
    await db.execute(
        update(RefreshToken)
        .where(col(RefreshToken.family_id) == family_id, col(RefreshToken.revoked_at).is_(None))
        .values(revoked_at=now)
    )
