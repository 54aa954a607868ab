"""The component tokens table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import Json, UtcDateTime


class ComponentToken(SQLModel, table=True):
    """A token for the management API, by its hash."""

    __tablename__ = "component_tokens"

    token_hash: str = Field(primary_key=True, max_length=64)
    admin_token_id: str = Field(
        max_length=32, foreign_key="admin_tokens.token_id", ondelete="CASCADE", index=True
    )
    """The admin token that asked for it, without which it is worth nothing."""
    person_id: str = Field(
        max_length=255, foreign_key="people.person_id", ondelete="CASCADE", index=True
    )
    tenant_id: str = Field(
        max_length=255, foreign_key="tenants.tenant_id", ondelete="CASCADE", index=True
    )
    scopes: list[str] = Field(sa_type=Json)
    level: int
    """The factors with which the person signed in to the SaaS, as it says."""
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
