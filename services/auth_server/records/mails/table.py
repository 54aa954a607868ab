"""The mails table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class Mail(SQLModel, table=True):
    """A mail that waits to be sent, or what is known of one that was."""

    __tablename__ = "mails"

    mail_id: str = Field(primary_key=True, max_length=32)
    template: str = Field(max_length=64)
    sealed: bytes
    """The address, the language and the values; empty once the mail is sent or given up."""
    queued_at: datetime = Field(sa_type=UtcDateTime, index=True)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    """When sending it has no use any more."""
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    """When it is due, or when the lease of the process that sends it ends; None when it is over."""
    attempts: int = 0
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    problem: str = Field(default="", max_length=200)
    """Why the last attempt failed."""
