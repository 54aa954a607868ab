"""The tables of comparisons and of the differences that they found."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class BookComparison(SQLModel, table=True):
    """The newest comparison of a month: the live units that each place had."""

    __tablename__ = "book_comparisons"

    month: str = Field(primary_key=True, max_length=7)
    """Such as `2026-11`."""
    until: datetime = Field(sa_type=UtcDateTime)
    """The end of the time that was compared, which began with the month."""
    compared_at: datetime = Field(sa_type=UtcDateTime)
    ledger: int = Field(sa_type=BigInteger)
    usage: int = Field(sa_type=BigInteger)
    metered: int = Field(sa_type=BigInteger)
    differences: int
    """How many differences it found, including those of test keys."""


class BookDifference(SQLModel, table=True):
    """Units of one tenant and meter on which the places did not agree."""

    __tablename__ = "book_differences"

    month: str = Field(primary_key=True, max_length=7)
    tenant_id: str = Field(primary_key=True, max_length=255)
    env: str = Field(primary_key=True, max_length=255)
    meter: str = Field(primary_key=True, max_length=255)
    ledger: int = Field(sa_type=BigInteger)
    usage: int = Field(sa_type=BigInteger)
    metered: int = Field(sa_type=BigInteger)
