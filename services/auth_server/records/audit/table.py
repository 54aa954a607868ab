"""The audit log's tables."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class AuditEntry(SQLModel, table=True):
    """One event; `hash` covers the entry and the hash before it, so that changing or removing an
    entry can be detected.
    """

    __tablename__ = "audit_log"
    __table_args__ = tuple(
        # With the number, so that a search reads no more entries than it returns.
        Index(f"ix_audit_log_{name}_number", name, "number")
        for name in ("event", "person_id", "client_id", "tenant_id", "grant_id")
    )

    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    event: str = Field(max_length=64)
    person_id: str = Field(default="", max_length=255)
    client_id: str = Field(default="", max_length=1024)
    tenant_id: str = Field(default="", max_length=255)
    grant_id: str = Field(default="", max_length=64)
    detail: str = Field(default="{}")
    previous_hash: str = Field(max_length=64)
    hash: str = Field(max_length=64)


class AuditSeal(SQLModel, table=True):
    """The only row: where the log begins and ends, under a MAC that needs `secret_key`.

    Whoever can write to the database can compute hashes, but not `mac`. `start_number` and
    `start_hash` are the first entry and the hash before it, and change when old entries are deleted.
    `sealed_from` is the first entry that was appended under a seal; it covers earlier ones as they
    were then.
    """

    __tablename__ = "audit_seal"

    id: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    start_number: int
    start_hash: str = Field(max_length=64)
    sealed_from: int
    number: int
    hash: str = Field(max_length=64)
    mac: str = Field(default="", max_length=64)
