"""SQL on refresh tokens; `redemptions.statements` issues and rotates them."""

from datetime import datetime

from sqlalchemy import ColumnElement, update
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.refresh_tokens.table import RefreshToken
from gatepost.scopes import format_scope, parse_scope


async def find_refresh_token(db: DbSession, token_hash: str) -> RefreshToken | None:
    """Read a refresh token's current row, including used, expired and revoked tokens."""
    return await db.get(RefreshToken, token_hash, populate_existing=True)


async def find_newest_of_family(db: DbSession, family_id: str) -> RefreshToken | None:
    """Read the newest token of a family, from which every earlier one follows."""
    query = select(RefreshToken).where(col(RefreshToken.family_id) == family_id)
    newest = query.order_by(col(RefreshToken.generation).desc()).limit(1)
    return (await db.execute(newest)).scalar_one_or_none()


async def began_unbound(db: DbSession, family_id: str) -> bool:
    """Return whether a family has a token that is not bound to a key.

    The one with which a family was bound stays for as long as the family.
    """
    query = select(RefreshToken.token_hash).where(
        col(RefreshToken.family_id) == family_id, col(RefreshToken.bound_to).is_(None)
    )
    return (await db.execute(query.limit(1))).first() is not None


async def revoke_family(db: DbSession, family_id: str, *, now: datetime) -> None:
    """Revoke every token of a family, including a successor issued at the same moment."""
    await _revoke(db, col(RefreshToken.family_id) == family_id, now=now)


async def revoke_families(db: DbSession, grant_id: str, *, now: datetime) -> None:
    """Revoke every token of every family of a grant."""
    await _revoke(db, col(RefreshToken.grant_id) == grant_id, now=now)


async def _revoke(db: DbSession, which: ColumnElement[bool], *, now: datetime) -> None:
    ended = (
        update(RefreshToken)
        .where(which, col(RefreshToken.revoked_at).is_(None))
        .values(revoked_at=now)
        .returning(col(RefreshToken.token_hash))
    )
    # On PostgreSQL, a statement waits for a rotation that has locked one of its rows, and then does
    # not see the successor that the rotation has added; the next statement does.
    while (await db.execute(ended)).scalars().all():
        pass


async def widen_families(db: DbSession, grant_id: str, added: frozenset[str]) -> None:
    """Add scopes to every unrevoked token of a grant; the grant narrows them at each refresh."""
    live = (col(RefreshToken.grant_id) == grant_id, col(RefreshToken.revoked_at).is_(None))
    # Again after each change, since a rotation at the same time may copy a scope without them.
    while True:
        found = (await db.execute(select(RefreshToken.scope).where(*live).distinct())).scalars()
        narrower = [scope for scope in found if not added <= parse_scope(scope)]
        if not narrower:
            return
        for scope in narrower:
            wider = format_scope(parse_scope(scope) | added)
            held = col(RefreshToken.scope) == scope
            await db.execute(update(RefreshToken).where(*live, held).values(scope=wider))


async def purge_refresh_tokens(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the tokens that were used, or expired, before a time.

    Returns whether there may be more.
    """
    return await delete_some(db, RefreshToken, col(RefreshToken.idle_expires_at) < before)
