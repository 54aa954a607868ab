"""The admin tokens table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import Json, UtcDateTime


class AdminToken(SQLModel, table=True):
    """A token for the admin API, by its hash."""

    __tablename__ = "admin_tokens"

    token_id: str = Field(primary_key=True, max_length=32)
    token_hash: str = Field(max_length=64, unique=True)
    label: str = Field(max_length=100)
    scopes: list[str] = Field(sa_type=Json)
    created_by: str = Field(max_length=255)
    """The operator who made it; their leaving does not end it."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
