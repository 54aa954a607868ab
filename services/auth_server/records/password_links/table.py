"""The password links table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class PasswordLink(SQLModel, table=True):
    """The newest link of one e-mail address.

    Unknown addresses have a row too, so that a request does the same work for each.
    """

    __tablename__ = "password_links"

    address_hash: str = Field(primary_key=True, max_length=64)
    token_hash: str = Field(max_length=64, unique=True)
    person_id: str | None = Field(default=None, max_length=255, index=True)
    """None if the address can't have a new password."""
    field: str = Field(max_length=16)
    """The sign-in purpose to continue with, as `SignInPurpose` has it."""
    value: str = Field(max_length=512)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
