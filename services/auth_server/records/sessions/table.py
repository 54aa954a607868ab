"""The sessions table."""

import hashlib
from datetime import datetime
from typing import Literal

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime

Level = Literal[1, 2]
"""The strength of a sign-in: 1 for one factor, 2 for two factors or a passkey."""

SessionLevel = Literal[0, 1, 2]
"""The level of a session: that of its sign-in, or 0 until the person has added a second factor."""

MUST_ENROL: SessionLevel = 0
ONE_FACTOR: Level = 1
TWO_FACTORS: Level = 2

_PROVIDER = "provider "


def from_provider(name: str) -> str:
    """Format a session's `method` for a sign-in with a provider."""
    return f"{_PROVIDER}{name}"


def provider_of(method: str) -> str | None:
    """Read the provider's name from a session's `method`; None for other methods."""
    return method.removeprefix(_PROVIDER) if method.startswith(_PROVIDER) else None


class Session(SQLModel, table=True):
    """A signed-in browser.

    `address` and `user_agent` let the person recognise the browser. `method` is how they signed in:
    `password`, `password and code`, `passkey`, or a provider as `from_provider` writes it.
    `factor_added_at` is when the second factor that they used here was added, or None without one.
    """

    __tablename__ = "sessions"

    session_hash: str = Field(primary_key=True, max_length=64)
    person_id: str = Field(
        max_length=255, foreign_key="people.person_id", ondelete="CASCADE", index=True
    )
    level: int = Field(default=ONE_FACTOR)
    method: str = Field(default="password", max_length=64)
    factor_added_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    user_agent: str = Field(default="", max_length=200)
    address: str = Field(default="", max_length=64)
    signed_in_at: datetime = Field(sa_type=UtcDateTime)
    last_seen_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def public_id(self) -> str:
        """The name of the session for apps (`sid`), from which nobody learns its secret."""
        return hashlib.sha256(f"sid {self.session_hash}".encode()).hexdigest()[:32]
