"""The usage exports table."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, text
from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime

_NUMBER: Any = BigInteger().with_variant(Integer(), "sqlite")
_OPEN = text("state IN ('planned', 'sent')")


class ExportState(StrEnum):
    """What is known of an export."""

    PLANNED = "planned"
    """It has not been sent, or the system certainly did not count it."""
    SENT = "sent"
    """It was sent, and nobody knows yet whether the system counted it."""
    CONFIRMED = "confirmed"
    """The system counted it."""
    AMBIGUOUS = "ambiguous"
    """The system no longer recognises its identifier, so it can't be sent again. Totals decide."""
    PARKED = "parked"
    """The system refused it. An operator decides."""


class UsageExport(SQLModel, table=True):
    """Units of one tenant, meter and hour that are exported under one identifier.

    A row is written before anything is sent, and its units never change once it was sent.
    """

    __tablename__ = "usage_exports"
    __table_args__ = (
        Index("exports_of_an_hour", "tenant_id", "meter", "hour"),
        Index("open_exports", "tenant_id", "number", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    number: int | None = Field(default=None, primary_key=True, sa_type=_NUMBER)
    identifier: str = Field(max_length=100, unique=True)
    """The same at every attempt, so that the system recognises it."""
    system: str = Field(max_length=32)
    tenant_id: str = Field(max_length=255)
    meter: str = Field(max_length=255)
    hour: datetime = Field(sa_type=UtcDateTime)
    since: datetime = Field(sa_type=UtcDateTime)
    """When its part of the hour begins: a billing period may begin within an hour."""
    at: datetime = Field(sa_type=UtcDateTime)
    """The time under which the system counts it; later than `since` if it is carried over."""
    sequence: int
    """Its number among the exports of the hour; from 1 on, its calls came late."""
    units: int = Field(sa_type=BigInteger)
    customer: str = Field(default="", max_length=255)
    """The customer that it was sent for."""
    state: str = Field(max_length=16, index=True)
    attempts: int = 0
    first_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The earliest attempt that may have been counted."""
    next_attempt_at: datetime = Field(sa_type=UtcDateTime)
    missing_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since when the system's total shows that an ambiguous export was not counted."""
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    problem: str = Field(default="", max_length=300)
