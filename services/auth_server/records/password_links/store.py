"""The only SQL on password links."""

from datetime import datetime

from sqlalchemy import delete
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.password_links.table import PasswordLink


async def put_link(db: DbSession, link: PasswordLink) -> None:
    """Store a link, which replaces the address's earlier one."""
    await db.merge(link)
    await db.flush()


async def find_link(db: DbSession, token_hash: str, *, now: datetime) -> PasswordLink | None:
    """Look up a link that still works."""
    query = select(PasswordLink).where(
        col(PasswordLink.token_hash) == token_hash,
        col(PasswordLink.person_id).is_not(None),
        col(PasswordLink.expires_at) > now,
    )
    return (await db.execute(query)).scalar_one_or_none()


async def redeem_link(db: DbSession, token_hash: str, *, now: datetime) -> str | None:
    """Use a link up; of parallel calls, exactly one returns the person's id."""
    used = await db.execute(
        delete(PasswordLink)
        .where(
            col(PasswordLink.token_hash) == token_hash,
            col(PasswordLink.person_id).is_not(None),
            col(PasswordLink.expires_at) > now,
        )
        .returning(col(PasswordLink.person_id))
    )
    return used.scalar_one_or_none()


async def drop_links(db: DbSession, person_id: str) -> None:
    """Delete a person's links."""
    await db.execute(delete(PasswordLink).where(col(PasswordLink.person_id) == person_id))


async def purge_links(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the links that expired before a time; return whether there may be more."""
    return await delete_some(db, PasswordLink, col(PasswordLink.expires_at) < before)
