"""The ledger table."""

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class LedgerEntry(SQLModel, table=True):
    """The units of one call. The call's id is the key, so that no call is billed twice.

    It has no foreign keys: it outlives the call log, the grant and the tenant.
    """

    __tablename__ = "ledger"
    __table_args__ = (Index("units_of_a_tenant", "tenant_id", "at"),)

    call_id: str = Field(primary_key=True, max_length=64)
    at: datetime = Field(sa_type=UtcDateTime)
    tenant_id: str = Field(max_length=255)
    env: str = Field(max_length=255)
    meter: str = Field(max_length=255)
    units: int = Field(sa_type=BigInteger)
    tool: str = Field(max_length=128)
    written_at: datetime = Field(sa_type=UtcDateTime, index=True)
    """When the entry was added, by which exporters and archives follow the ledger."""
