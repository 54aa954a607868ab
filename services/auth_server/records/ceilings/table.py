"""The ceilings table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import Json, UtcDateTime


class Ceiling(SQLModel, table=True):
    """The most that one client may do on one resource, always in one tenant.

    An empty `data_scope` restricts nothing within the tenant. `version` increases with each change.
    """

    __tablename__ = "ceilings"

    client_id: str = Field(
        primary_key=True, max_length=1024, foreign_key="clients.client_id", ondelete="CASCADE"
    )
    resource: str = Field(primary_key=True, max_length=512)
    tenant_id: str = Field(max_length=255, foreign_key="tenants.tenant_id", ondelete="CASCADE")
    scope: str = Field(max_length=2048)
    tools: list[str] = Field(sa_type=Json)
    apis: dict[str, str] | None = Field(default=None, sa_type=Json)
    """`Apis` of the tools."""
    data_scope: str = Field(default="", max_length=4096)
    version: int = Field(default=1)
    updated_at: datetime = Field(sa_type=UtcDateTime)
