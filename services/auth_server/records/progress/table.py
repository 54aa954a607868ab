"""The progress table."""

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel


class Progress(SQLModel, table=True):
    """How far one job has come, in its own unit: the number of an entry, a time in seconds, a day."""

    __tablename__ = "progress"

    job: str = Field(primary_key=True, max_length=64)
    reached: int = Field(sa_type=BigInteger)
