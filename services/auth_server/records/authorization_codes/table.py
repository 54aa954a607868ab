"""The authorization codes table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class AuthorizationCode(SQLModel, table=True):
    """An issued code, by its hash; `family_id` names the refresh tokens issued from it."""

    __tablename__ = "authorization_codes"

    code_hash: str = Field(primary_key=True, max_length=64)
    family_id: str = Field(max_length=64)
    grant_id: str = Field(
        max_length=64, foreign_key="grants.grant_id", ondelete="CASCADE", index=True
    )
    client_id: str = Field(max_length=1024)
    redirect_uri: str = Field(max_length=2048)
    resource: str = Field(max_length=512)
    scope: str = Field(max_length=2048)
    code_challenge: str = Field(max_length=43)
    dpop_jkt: str | None = Field(default=None, max_length=43)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    redeemed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
