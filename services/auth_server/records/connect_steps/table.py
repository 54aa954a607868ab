"""The table of steps towards a first call."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class ConnectSteps(SQLModel, table=True):
    """How often something happened on one day, in UTC.

    `step` is `discovery`, `registration`, `token`, or `authorization` with how far the request came as
    its `result`; after `refused_` it is the path that refused, with the error as its `result`.
    """

    __tablename__ = "connect_steps"

    day: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    """When the day begins."""
    step: str = Field(primary_key=True, max_length=32)
    result: str = Field(primary_key=True, max_length=100)
    times: int = Field(default=0, sa_type=BigInteger)
