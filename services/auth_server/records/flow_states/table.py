"""The table of used flow states."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class UsedFlowState(SQLModel, table=True):
    """One used flow state, stored until it has expired."""

    __tablename__ = "used_tickets"

    ticket_hash: str = Field(primary_key=True, max_length=64)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
