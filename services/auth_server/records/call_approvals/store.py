"""The only SQL on call approvals."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, delete, select

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.call_approvals.table import CallApproval


async def find_call_approval(db: DbSession, approval_id: str) -> CallApproval | None:
    """Look up a request."""
    return await db.get(CallApproval, approval_id, populate_existing=True)


async def add_call_approval(db: DbSession, row: CallApproval, *, now: datetime) -> bool:
    """Store a request, unless a live one of the same call exists; return whether this one was stored."""
    ended = (col(CallApproval.approval_id) == row.approval_id) & (
        col(CallApproval.expires_at) <= now
    )
    await db.execute(delete(CallApproval).where(ended))
    insert: Any = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    adding = insert(CallApproval).values(**row.model_dump()).on_conflict_do_nothing()
    added = await db.execute(adding.returning(col(CallApproval.approval_id)))
    return added.first() is not None


async def use_call_approval(db: DbSession, approval_id: str, *, now: datetime) -> bool:
    """Delete an approved request; of any number of parallel callers, one gets True."""
    used = (
        delete(CallApproval)
        .where(
            col(CallApproval.approval_id) == approval_id,
            col(CallApproval.state) == "approved",
            col(CallApproval.expires_at) > now,
        )
        .returning(col(CallApproval.approval_id))
    )
    return (await db.execute(used)).first() is not None


async def answer_call_approval(
    db: DbSession,
    tenant_id: str,
    approval_id: str,
    state: str,
    *,
    expires_at: datetime,
    now: datetime,
) -> CallApproval | None:
    """Set the state of a request that still waits; return it, or None if there is no such request."""
    answering = (
        update(CallApproval)
        .where(
            col(CallApproval.approval_id) == approval_id,
            col(CallApproval.tenant_id) == tenant_id,
            col(CallApproval.state) == "waiting",
            col(CallApproval.expires_at) > now,
        )
        .values(state=state, expires_at=expires_at)
        .returning(CallApproval)
    )
    answered = select(CallApproval).from_statement(answering)
    return (await db.execute(answered)).scalar_one_or_none()


async def list_waiting_calls(
    db: DbSession, tenant_id: str, *, now: datetime, most: int
) -> Sequence[CallApproval]:
    """List some of the requests in a tenant that wait, the oldest first."""
    query = (
        select(CallApproval)
        .where(
            col(CallApproval.tenant_id) == tenant_id,
            col(CallApproval.state) == "waiting",
            col(CallApproval.expires_at) > now,
        )
        .order_by(col(CallApproval.asked_at), col(CallApproval.approval_id))
        .limit(most)
    )
    return (await db.execute(query)).scalars().all()


async def count_waiting_calls(db: DbSession, tenant_id: str, *, now: datetime) -> int:
    """Count the requests in a tenant that wait."""
    query = select(func.count()).where(
        col(CallApproval.tenant_id) == tenant_id,
        col(CallApproval.state) == "waiting",
        col(CallApproval.expires_at) > now,
    )
    return (await db.execute(query)).scalar_one()


async def purge_call_approvals(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the requests that ended before a time; return whether there may be more."""
    return await delete_some(db, CallApproval, col(CallApproval.expires_at) < before)
