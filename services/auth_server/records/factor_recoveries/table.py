"""The factor recoveries table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class FactorRecovery(SQLModel, table=True):
    """A person's recovery of their lost second factors.

    It can be completed from `ready_at` to `expires_at`, until somebody cancels it. A completed one
    stays until the person has added a second factor again.
    """

    __tablename__ = "factor_recoveries"

    person_id: str = Field(
        primary_key=True, max_length=255, foreign_key="people.person_id", ondelete="CASCADE"
    )
    recovery_id: str = Field(max_length=64, unique=True)
    """Names it in the mail with which it can be cancelled."""
    started_at: datetime = Field(sa_type=UtcDateTime)
    ready_at: datetime = Field(sa_type=UtcDateTime, index=True)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    told_ready: bool = False
    completed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
