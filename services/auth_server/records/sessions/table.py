"""The sessions table."""

from datetime import datetime
from typing import Literal

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime

Level = Literal[1, 2]
"""How surely somebody is who they say: 1 by one factor, 2 by two factors or a passkey."""

ONE_FACTOR: Level = 1
TWO_FACTORS: Level = 2

_PROVIDER = "provider "


def from_provider(name: str) -> str:
    """Write as a session's `method` that a provider signed somebody in."""
    return f"{_PROVIDER}{name}"


def provider_of(method: str) -> str | None:
    """Read the provider's name out of a session's `method`; None where there was none."""
    return method.removeprefix(_PROVIDER) if method.startswith(_PROVIDER) else None


class Session(SQLModel, table=True):
    """A signed-in browser.

    `address` is what the browser's address counts as, and `user_agent` what the browser calls
    itself: both for the person to recognise it by. `method` is how they signed in: `password`,
    `password and code`, `passkey`, or a provider's, as `from_provider` writes it.
    """

    __tablename__ = "sessions"

    session_hash: str = Field(primary_key=True, max_length=64)
    person_id: str = Field(
        max_length=255, foreign_key="people.person_id", ondelete="CASCADE", index=True
    )
    level: int = Field(default=ONE_FACTOR)
    method: str = Field(default="password", max_length=64)
    user_agent: str = Field(default="", max_length=200)
    address: str = Field(default="", max_length=64)
    signed_in_at: datetime = Field(sa_type=UtcDateTime)
    last_seen_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
