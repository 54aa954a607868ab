"""The refresh tokens table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class RefreshToken(SQLModel, table=True):
    """One generation of a family of refresh tokens, by its hash.

    `idle_expires_at` of a used token says from when its row is not needed. That is its first use, if
    the token names its family and its successor is bound as it was. `bound_to` is the key of the public
    client that got it: a `Confirmation`.
    """

    __tablename__ = "refresh_tokens"

    token_hash: str = Field(primary_key=True, max_length=64)
    family_id: str = Field(max_length=64, index=True)
    generation: int
    grant_id: str = Field(
        max_length=64, foreign_key="grants.grant_id", ondelete="CASCADE", index=True
    )
    client_id: str = Field(max_length=1024)
    resource: str = Field(max_length=512)
    scope: str = Field(max_length=2048)
    idle_expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    absolute_expires_at: datetime = Field(sa_type=UtcDateTime)
    first_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    bound_to: str | None = Field(default=None, max_length=64)
