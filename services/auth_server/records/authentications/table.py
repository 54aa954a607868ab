"""The authentications table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class Authentication(SQLModel, table=True):
    """How a person had signed in when they approved, for the ID tokens of a family of refresh tokens.

    It exists only if the app requested `openid`. `level` and `method` are those of the session, which
    `session_id` names in ID tokens. `nonce` is the app's.
    """

    __tablename__ = "authentications"

    family_id: str = Field(primary_key=True, max_length=64)
    grant_id: str = Field(
        max_length=64, foreign_key="grants.grant_id", ondelete="CASCADE", index=True
    )
    nonce: str | None = Field(default=None, max_length=512)
    signed_in_at: datetime = Field(sa_type=UtcDateTime)
    level: int
    method: str = Field(max_length=64)
    session_id: str = Field(max_length=64)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
