"""The only SQL on delegations. What changes them locks the grant first."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import get_args

from sqlalchemy import func, or_, update
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.delegations.table import Delegation, EndedBy

_BY_PEOPLE = ("person", "admin", "operator")
_BY_ITSELF = tuple(by for by in get_args(EndedBy) if by not in _BY_PEOPLE)


async def add_delegation(db: DbSession, delegation: Delegation) -> None:
    """Store a delegation."""
    db.add(delegation)
    await db.flush()


async def find_delegation(db: DbSession, delegation_id: str) -> Delegation | None:
    """Look up a delegation, also one that has ended."""
    return await db.get(Delegation, delegation_id, populate_existing=True)


async def list_live_delegations(
    db: DbSession, grant_ids: Collection[str], *, now: datetime
) -> Sequence[Delegation]:
    """List the delegations of some grants that have neither ended nor expired, the oldest first."""
    query = (
        select(Delegation)
        .where(
            col(Delegation.grant_id).in_(set(grant_ids)),
            col(Delegation.expires_at) > now,
            col(Delegation.ended_at).is_(None),
        )
        .order_by(col(Delegation.created_at), col(Delegation.delegation_id))
        .execution_options(populate_existing=True)
    )
    return (await db.execute(query)).scalars().all()


async def count_unexpired_delegations(db: DbSession, grant_id: str, *, now: datetime) -> int:
    """Count those of a grant that would live by their expiry, also those that have ended."""
    query = select(func.count()).where(
        col(Delegation.grant_id) == grant_id, col(Delegation.expires_at) > now
    )
    return (await db.execute(query)).scalar_one()


async def was_ended_by_people(db: DbSession, grant_id: str, actor: str, *, since: datetime) -> bool:
    """Return whether a person, an admin or an operator ended a sub-agent of a grant since a time."""
    query = select(Delegation.delegation_id).where(
        col(Delegation.grant_id) == grant_id,
        col(Delegation.actor) == actor,
        col(Delegation.ended_by).in_(_BY_PEOPLE),
        col(Delegation.ended_at) >= since,
    )
    return (await db.execute(query.limit(1))).scalar_one_or_none() is not None


async def end_delegations_of_grant(db: DbSession, grant_id: str, *, now: datetime) -> None:
    """Mark the delegations of a grant that has ended or changed; its revocation ends their tokens."""
    await db.execute(
        update(Delegation)
        .where(col(Delegation.grant_id) == grant_id, col(Delegation.ended_at).is_(None))
        .values(ended_at=now, ended_by="parent")
        .execution_options(synchronize_session=False)
    )


async def purge_delegations(db: DbSession, *, before: datetime) -> bool:
    """Delete some of those that expired before a time; return whether there may be more.

    Those that people ended stay, so that the app can't begin them again.
    """
    ended_by = col(Delegation.ended_by)
    over = (col(Delegation.expires_at) < before) & or_(ended_by.is_(None), ended_by.in_(_BY_ITSELF))
    return await delete_some(db, Delegation, over)
