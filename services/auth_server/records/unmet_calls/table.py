"""The table of calls that agents made in vain."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class UnmetCall(SQLModel, table=True):
    """How often a tool was asked for in vain on one day, in UTC, for one reason."""

    __tablename__ = "unmet_calls"

    day: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    """When the day begins."""
    reason: str = Field(primary_key=True, max_length=64)
    tool: str = Field(primary_key=True, max_length=128)
    """The name that the agent used, whether or not such a tool exists."""
    error: str = Field(primary_key=True, max_length=300)
    """What the agent was told; of a search or a stated purpose, its words; of an outdated name, the client;
    of corrected arguments, their names."""
    times: int = Field(default=0, sa_type=BigInteger)
