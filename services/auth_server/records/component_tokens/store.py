"""The only SQL on component tokens."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.component_tokens.table import ComponentToken


async def put_component_token(db: DbSession, token: ComponentToken) -> ComponentToken:
    """Store a token, and return it or the one that is stored under the same hash."""
    try:
        async with db.begin_nested():
            db.add(token)
    except IntegrityError:
        stored = await find_component_token(db, token.token_hash)
        if stored is None:
            raise
        return stored
    return token


async def find_component_token(db: DbSession, token_hash: str) -> ComponentToken | None:
    """Look up a token, also one that has expired."""
    return await db.get(ComponentToken, token_hash)


async def end_component_tokens(
    db: DbSession, person_id: str, tenant_id: str, *, now: datetime
) -> None:
    """Let a person's tokens in a tenant expire now."""
    await db.execute(
        update(ComponentToken)
        .where(
            col(ComponentToken.person_id) == person_id,
            col(ComponentToken.tenant_id) == tenant_id,
            col(ComponentToken.expires_at) > now,
        )
        .values(expires_at=now)
    )


async def purge_component_tokens(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the tokens that expired before a time; return whether there may be more."""
    return await delete_some(db, ComponentToken, col(ComponentToken.expires_at) < before)
