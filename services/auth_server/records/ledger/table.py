"""The ledger table."""

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime

LEDGER = "ledger"


class LedgerEntry(SQLModel, table=True):
    """The units of one call. The call's id and time are the key, so that no call is billed twice.

    PostgreSQL divides the table by the month of `at`, and so the key must contain it. It has no foreign keys: it outlives the call log, the grant and the tenant.
    """

    __tablename__ = LEDGER
    __table_args__ = (
        Index("units_of_a_tenant", "tenant_id", "at"),
        {"postgresql_partition_by": "RANGE (at)"},
    )

    call_id: str = Field(primary_key=True, max_length=64)
    at: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    tenant_id: str = Field(max_length=255)
    env: str = Field(max_length=255)
    meter: str = Field(max_length=255)
    units: int = Field(sa_type=BigInteger)
    tool: str = Field(max_length=128)
    written_at: datetime = Field(sa_type=UtcDateTime, index=True)
    """When the entry was added, by which exporters and archives follow the ledger."""
