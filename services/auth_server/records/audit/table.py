"""The audit log table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class AuditEntry(SQLModel, table=True):
    """One event; `hash` covers the entry and the hash before it, so that changing or removing an
    entry can be detected.
    """

    __tablename__ = "audit_log"

    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=UtcDateTime)
    event: str = Field(max_length=64, index=True)
    person_id: str = Field(default="", max_length=255, index=True)
    client_id: str = Field(default="", max_length=1024)
    tenant_id: str = Field(default="", max_length=255, index=True)
    grant_id: str = Field(default="", max_length=64)
    detail: str = Field(default="{}")
    previous_hash: str = Field(max_length=64)
    hash: str = Field(max_length=64)
