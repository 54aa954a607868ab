"""The table of linked accounts."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class LinkedAccount(SQLModel, table=True):
    """A person's account at an API's authorization server, with its tokens.

    It has no foreign keys: a row that has ended is kept until the provider was told, and the person or
    the tenant may be gone by then.
    """

    __tablename__ = "linked_accounts"
    __table_args__ = (
        Index(
            "one_live_linked_account",
            "person_id",
            "tenant_id",
            "provider",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    link_id: str = Field(primary_key=True, max_length=64)
    provider: str = Field(max_length=32)
    person_id: str = Field(max_length=255, index=True)
    tenant_id: str = Field(max_length=255)
    sealed: bytes
    """The access token and the refresh token, sealed."""
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the access token expires; None if the provider did not say."""
    renewed_at: datetime = Field(sa_type=UtcDateTime)
    """When the access token was issued."""
    attempt: str | None = Field(default=None, max_length=64)
    """The attempt that renews the tokens at the moment; that of a process that was killed stays."""
    busy_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Nobody begins another attempt before: one is under way, or the last one has just failed."""
    uncertain: bool = False
    """Whether the answer to an attempt was lost, and with it perhaps the newest refresh token."""
    broken: str | None = Field(default=None, max_length=16)
    """Why the tokens can't be renewed any more: `refused`, `interrupted` or `expired`."""
    linked_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime, index=True)
    """When maintenance looks at it: whether it is still used, or after its end to tell the provider."""
    attempts: int = 0
    """How often the provider was told in vain that it has ended."""
