"""The tenant_providers table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class TenantProvider(SQLModel, table=True):
    """The assignment of a customer's provider to its tenant; a tenant has one at most."""

    __tablename__ = "tenant_providers"

    provider: str = Field(primary_key=True, max_length=32)
    """The `name` of its entry in `sign_in`."""
    tenant_id: str = Field(
        max_length=255, foreign_key="tenants.tenant_id", ondelete="CASCADE", unique=True
    )
    assigned_at: datetime = Field(sa_type=UtcDateTime)
