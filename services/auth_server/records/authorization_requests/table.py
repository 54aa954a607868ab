"""The table of authorization requests."""

from datetime import datetime
from typing import Literal

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime

Progress = Literal[
    "sign_in",
    "no_tenant",
    "choose_tenant",
    "own_provider",
    "step_up",
    "consent",
    "not_allowed",
    "denied",
    "approved",
]
"""The page that the person came to last, or their answer."""


class AuthorizationRequest(SQLModel, table=True):
    """A checked authorization request. Only the last three columns change once it is stored.

    `browser_hash` binds it to the browser that began it; `signed_in_after` requires a sign-in since
    that time. `may_be_silent` is true if no other site led the browser here and the app did not ask
    for the consent page.
    """

    __tablename__ = "transactions"

    transaction_id: str = Field(primary_key=True, max_length=64)
    browser_hash: str = Field(max_length=64)
    client_id: str = Field(
        max_length=1024, foreign_key="clients.client_id", ondelete="CASCADE", index=True
    )
    redirect_uri: str = Field(max_length=2048)
    state: str | None = Field(default=None, max_length=4096)
    code_challenge: str = Field(max_length=43)
    resource: str = Field(max_length=512)
    scope: str = Field(max_length=2048)
    login_hint: str = Field(default="", max_length=320)
    signed_in_after: datetime | None = Field(default=None, sa_type=UtcDateTime)
    may_be_silent: bool = Field(default=False)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    progress: str = Field(default="sign_in", max_length=32)
    """How far it came: a `Progress`."""
    tenant_id: str | None = Field(default=None, max_length=255)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
