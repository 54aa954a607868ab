"""The table of authorization requests."""

from datetime import datetime
from typing import Literal

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime

Progress = Literal[
    "sign_in",
    "no_tenant",
    "not_member",
    "choose_tenant",
    "own_provider",
    "step_up",
    "link_account",
    "consent",
    "not_allowed",
    "denied",
    "approved",
]
"""The page that the person came to last, or their answer."""


class AuthorizationRequest(SQLModel, table=True):
    """A checked authorization request. Only its progress and end, the tenant, and what the person was asked first change.

    `browser_hash` binds it to the browser that began it. `nonce` is for the ID token. `signed_in_after` requires a sign-in since
    that time. `may_be_silent` is true if no other site led the browser here and the app did not ask
    for the consent page. `dpop_jkt` is the thumbprint of the key that must redeem the code (RFC 9449 §10).
    A request that began with a device's code names it by `device_code_hash`, and has no redirect URI and no
    challenge.

    If `silent`, no page may be shown. With `choose_account`, the person is asked which account to use, and
    with `wanted_class`, whether to sign in more strongly. Nobody but `expected_person` may answer, if set.
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
    nonce: str | None = Field(default=None, max_length=512)
    signed_in_after: datetime | None = Field(default=None, sa_type=UtcDateTime)
    may_be_silent: bool = Field(default=False)
    dpop_jkt: str | None = Field(default=None, max_length=43)
    device_code_hash: str | None = Field(default=None, max_length=64)
    silent: bool = Field(default=False)
    choose_account: bool = Field(default=False)
    wanted_class: str | None = Field(default=None, max_length=32)
    expected_person: str | None = Field(default=None, max_length=255)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    progress: str = Field(default="sign_in", max_length=32)
    """How far it came: a `Progress`."""
    tenant_id: str | None = Field(default=None, max_length=255)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
