"""The only SQL on authentications."""

from datetime import datetime

from sqlmodel import col

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.authentications.table import Authentication


async def add_authentication(db: DbSession, authentication: Authentication) -> None:
    """Store how a person had signed in."""
    db.add(authentication)
    await db.flush()


async def find_authentication(db: DbSession, family_id: str) -> Authentication | None:
    """Look up the authentication of a family; None if its app did not request `openid`."""
    return await db.get(Authentication, family_id)


async def purge_authentications(db: DbSession, *, before: datetime) -> bool:
    """Delete some of those whose tokens expired before a time; return whether there may be more."""
    return await delete_some(db, Authentication, col(Authentication.expires_at) < before)
