"""The only SQL on factor recoveries."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.factor_recoveries.table import FactorRecovery

_PENDING = col(FactorRecovery.completed_at).is_(None)


async def find_recovery(db: DbSession, person_id: str, *, now: datetime) -> FactorRecovery | None:
    """Look up a person's recovery that is pending."""
    query = select(FactorRecovery).where(
        col(FactorRecovery.person_id) == person_id,
        _PENDING,
        col(FactorRecovery.expires_at) > now,
    )
    return (await db.execute(query)).scalar_one_or_none()


async def find_recovery_by_id(
    db: DbSession, recovery_id: str, *, now: datetime
) -> FactorRecovery | None:
    """Look up a pending recovery by its id."""
    query = select(FactorRecovery).where(
        col(FactorRecovery.recovery_id) == recovery_id,
        _PENDING,
        col(FactorRecovery.expires_at) > now,
    )
    return (await db.execute(query)).scalar_one_or_none()


async def put_recovery(db: DbSession, recovery: FactorRecovery) -> None:
    """Store a recovery, which replaces the person's former one."""
    await db.merge(recovery)
    await db.flush()


async def was_completed(db: DbSession, person_id: str) -> bool:
    """Return whether a recovery removed a person's factors and they have not added one since."""
    recovery = await db.get(FactorRecovery, person_id)
    return recovery is not None and recovery.completed_at is not None


async def drop_recovery(db: DbSession, person_id: str) -> None:
    """Delete a person's recovery, pending or completed."""
    await db.execute(delete(FactorRecovery).where(col(FactorRecovery.person_id) == person_id))


async def drop_pending_recovery(db: DbSession, person_id: str) -> bool:
    """Delete a person's pending recovery; of parallel calls, exactly one returns True."""
    dropped = await db.execute(
        delete(FactorRecovery)
        .where(col(FactorRecovery.person_id) == person_id, _PENDING)
        .returning(col(FactorRecovery.person_id))
    )
    return dropped.scalar_one_or_none() is not None


async def list_ready(db: DbSession, *, now: datetime, most: int) -> Sequence[FactorRecovery]:
    """List some recoveries that are ready, and whose people were not told yet."""
    query = (
        select(FactorRecovery)
        .where(
            _PENDING,
            col(FactorRecovery.told_ready).is_(False),
            col(FactorRecovery.ready_at) <= now,
            col(FactorRecovery.expires_at) > now,
        )
        .order_by(col(FactorRecovery.ready_at))
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return (await db.execute(query)).scalars().all()


async def purge_recoveries(db: DbSession, *, before: datetime) -> bool:
    """Delete some recoveries that expired before a time; return whether there may be more."""
    return await delete_some(
        db, FactorRecovery, (col(FactorRecovery.expires_at) < before) & _PENDING
    )
