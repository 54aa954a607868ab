"""The only SQL on used flow states."""

from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.flow_states.table import UsedFlowState


async def use_flow_state(db: DbSession, ticket_hash: str, *, expires_at: datetime) -> bool:
    """Record that a flow state was used; of parallel calls, exactly one returns True."""
    try:
        async with db.begin_nested():
            db.add(UsedFlowState(ticket_hash=ticket_hash, expires_at=expires_at))
    except IntegrityError:
        return False
    return True


async def purge_flow_states(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the flow states that expired before a time and so can no longer be used; return whether there may be more."""
    return await delete_some(db, UsedFlowState, col(UsedFlowState.expires_at) < before)
