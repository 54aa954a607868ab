"""The only SQL on used tickets."""

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from auth_server.db.engine import DbSession
from auth_server.records.flow_states.table import UsedFlowState


async def use_flow_state(db: DbSession, ticket_hash: str, *, expires_at: datetime) -> bool:
    """Note that a ticket was used; of any number of parallel calls exactly one is told True."""
    try:
        async with db.begin_nested():
            db.add(UsedFlowState(ticket_hash=ticket_hash, expires_at=expires_at))
    except IntegrityError:
        return False
    return True


async def purge_flow_states(db: DbSession, *, before: datetime) -> None:
    """Forget the tickets that expired before a moment: nobody takes them any more."""
    await db.execute(delete(UsedFlowState).where(col(UsedFlowState.expires_at) < before))
