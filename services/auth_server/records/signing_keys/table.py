"""The signing keys table."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from auth_server.db.types import Json, UtcDateTime


class SigningKey(SQLModel, table=True):
    """One key pair; the private half is sealed with a key derived from `secret_key`.

    `changed_at` is when it entered its state.
    """

    __tablename__ = "signing_keys"
    __table_args__ = (
        Index(
            "one_active_key",
            "state",
            unique=True,
            sqlite_where=text("state = 'active'"),
            postgresql_where=text("state = 'active'"),
        ),
        Index(
            "one_next_key",
            "state",
            unique=True,
            sqlite_where=text("state = 'next'"),
            postgresql_where=text("state = 'next'"),
        ),
    )

    kid: str = Field(primary_key=True, max_length=64)
    algorithm: str = Field(max_length=16)
    state: str = Field(max_length=16)
    public_jwk: dict[str, Any] = Field(sa_type=Json)
    private_sealed: bytes
    created_at: datetime = Field(sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime)
