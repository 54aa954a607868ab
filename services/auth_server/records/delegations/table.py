"""The delegations table."""

from datetime import datetime
from typing import Literal

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from auth_server.db.types import Json, UtcDateTime

EndedBy = Literal["person", "admin", "operator", "app", "parent"]


class Delegation(SQLModel, table=True):
    """What an app, or a sub-agent of it, handed to a sub-agent, until `expires_at`.

    `path` lists the families of its tokens: its own id, the delegations above it, and the family of the
    app's own token. `actor` is the `sub` of `act`, and `actor_client_id` the client that proved to be it,
    or None if the app only named it.
    """

    __tablename__ = "delegations"
    __table_args__ = (Index("delegations_of_a_grant", "grant_id", "expires_at"),)

    delegation_id: str = Field(primary_key=True, max_length=64)
    grant_id: str = Field(max_length=64, foreign_key="grants.grant_id", ondelete="CASCADE")
    path: str = Field(max_length=255)
    actor: str = Field(max_length=1100)
    actor_client_id: str | None = Field(default=None, max_length=1024)
    name: str = Field(max_length=120)
    scope: str = Field(max_length=2048)
    tools: list[str] = Field(sa_type=Json)
    data_scope: str = Field(default="", max_length=4096)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    """When its newest token expires."""
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_by: str | None = Field(default=None, max_length=16)

    @property
    def families(self) -> list[str]:
        """The families of its tokens, its own first."""
        return self.path.split(".")
