"""The API keys table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import Json, UtcDateTime


class StoredApiKey(SQLModel, table=True):
    """An API key, by its hash; `key_id` contains its fingerprint and is its tokens' `grant_id`."""

    __tablename__ = "api_keys"

    key_id: str = Field(primary_key=True, max_length=32)
    key_hash: str = Field(max_length=64, unique=True)
    label: str = Field(max_length=100)
    env: str = Field(max_length=8)
    person_id: str = Field(
        max_length=255, foreign_key="people.person_id", ondelete="CASCADE", index=True
    )
    tenant_id: str = Field(
        max_length=255, foreign_key="tenants.tenant_id", ondelete="CASCADE", index=True
    )
    resource: str = Field(max_length=512)
    scope: str = Field(max_length=2048)
    tools: list[str] = Field(sa_type=Json)
    apis: dict[str, str] | None = Field(default=None, sa_type=Json)
    """`Apis` of the tools."""
    data_scope: str = Field(default="", max_length=4096)
    provider: str | None = Field(default=None, max_length=32)
    """The customer's own provider that began the session in which it was made; None for all others."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
