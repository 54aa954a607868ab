"""The refused events table."""

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class RefusedEvent(SQLModel, table=True):
    """A call event, or a stream entry without events, that could not be read or stored."""

    __tablename__ = "refused_events"

    digest: str = Field(primary_key=True, max_length=64)
    """The SHA-256 of the payload, so that one that is delivered again is kept once."""
    payload: bytes = Field(sa_type=LargeBinary)
    """The bytes as they came, cut to `MOST_BYTES`."""
    resource: str = Field(max_length=2048)
    """The gateway that delivered it; empty if it came through Redis."""
    reason: str = Field(max_length=500)
    refused_at: datetime = Field(sa_type=UtcDateTime, index=True)
