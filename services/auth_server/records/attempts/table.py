"""The attempts table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class Attempts(SQLModel, table=True):
    """Attempts since a time, or guesses until one; `counted_as` is a hash, so that the table holds no addresses."""

    __tablename__ = "attempts"

    counted_as: str = Field(primary_key=True, max_length=64)
    number: int = 0
    since: datetime = Field(sa_type=UtcDateTime, index=True)
