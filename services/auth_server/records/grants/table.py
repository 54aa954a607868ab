"""The grants table."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from auth_server.db.types import Json, UtcDateTime


class Grant(SQLModel, table=True):
    """A grant, which the pages show as one connection and which is revoked as a whole.

    `version` increases with each change. `catalogue_hash` names the catalogue that the person saw,
    `asked_scope` contains every scope the client has requested, and `client_snapshot` the metadata
    it then had. `approved_at` is when the person last approved the client, until `expires_at`.
    """

    __tablename__ = "grants"
    __table_args__ = (
        Index(
            "one_live_grant_of_each_kind",
            "person_id",
            "client_id",
            "tenant_id",
            "resource",
            "by_tenant",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )

    grant_id: str = Field(primary_key=True, max_length=64)
    person_id: str = Field(max_length=255, foreign_key="people.person_id", ondelete="CASCADE")
    client_id: str = Field(
        max_length=1024, foreign_key="clients.client_id", ondelete="CASCADE", index=True
    )
    tenant_id: str = Field(
        max_length=255, foreign_key="tenants.tenant_id", ondelete="CASCADE", index=True
    )
    resource: str = Field(max_length=512)
    scope: str = Field(max_length=2048)
    asked_scope: str = Field(max_length=2048)
    tools: list[str] = Field(sa_type=Json)
    apis: dict[str, str] | None = Field(default=None, sa_type=Json)
    """`Apis` of the tools."""
    data_scope: str = Field(default="", max_length=4096)
    redirect_host: str = Field(max_length=2048)
    client_snapshot: dict[str, Any] = Field(sa_type=Json)
    catalogue_hash: str = Field(max_length=64)
    version: int = Field(default=1)
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    approved_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    provider: str | None = Field(default=None, max_length=32)
    """The customer's own provider that began the session of the approval; None for all others."""
    by_tenant: bool = Field(default=False)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_reason: str | None = Field(default=None, max_length=64)
