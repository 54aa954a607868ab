"""The call log table."""

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime

CALL_LOG = "call_log"


class LoggedCall(SQLModel, table=True):
    """One `CallEvent`; its id and time are the primary key, so that no call is written twice.

    PostgreSQL divides the table by the month of `at`, and so the key must contain it. It has no foreign keys, because it stays in the log when its grant or tenant is deleted.
    """

    __tablename__ = CALL_LOG
    __table_args__ = (
        Index("calls_of_a_grant", "grant_id", "at"),
        Index("calls_of_a_tenant", "tenant_id", "at"),
        {"postgresql_partition_by": "RANGE (at)"},
    )

    call_id: str = Field(primary_key=True, max_length=64)
    at: datetime = Field(primary_key=True, sa_type=UtcDateTime, index=True)
    request_id: str = Field(max_length=64)
    resource: str = Field(max_length=2048)
    tenant_id: str = Field(max_length=255)
    sub: str = Field(max_length=2048)
    client_id: str = Field(max_length=2048)
    grant_id: str = Field(max_length=255)
    env: str = Field(max_length=255)
    tier: str = Field(max_length=255)
    tool: str = Field(max_length=128)
    tool_version: str = Field(max_length=255)
    era: str = Field(max_length=16)
    decision: str = Field(max_length=16)
    reason: str = Field(max_length=64)
    error: str = Field(max_length=300)
    status: int | None = None
    duration_ms: float
    upstream_ms: float
    retries: int = Field(sa_type=BigInteger)
    bytes_in: int = Field(sa_type=BigInteger)
    bytes_out: int = Field(sa_type=BigInteger)
    cost: int = Field(sa_type=BigInteger)
    outcome: str = Field(default="success", max_length=16)
    meter: str = Field(default="", max_length=255)
    counted: bool = Field(default=True)
    trace_id: str = Field(default="", max_length=32)
    actor: str = Field(default="", max_length=2048)
    api: str = Field(default="", max_length=32)
    calls_made: int = Field(default=0)
