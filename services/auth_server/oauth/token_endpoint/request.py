"""The values that a grant type takes and returns."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from auth_server.db.engine import Database, OpenTransaction
from auth_server.entitlements.entitlement import Entitlement
from auth_server.errors import OAuthError
from auth_server.keys import Keys
from auth_server.records.clients.facts import ClientFacts
from auth_server.secrets import NewSecret
from auth_server.settings import AuthServerSettings
from auth_server.tokens.refresh_token import RefreshPolicy
from auth_server.web.forms import Parameters


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A token request whose client has authenticated."""

    form: Parameters
    client: ClientFacts
    now: datetime
    settings: AuthServerSettings
    keys: Keys
    database: Database
    transaction: OpenTransaction
    new_secret: NewSecret

    @property
    def refresh_policy(self) -> RefreshPolicy:
        """The configured lifetimes of refresh tokens."""
        settings = self.settings
        return RefreshPolicy(
            keys=self.keys.refresh,
            idle_lifetime=settings.refresh_idle_lifetime,
            absolute_lifetime=settings.refresh_absolute_lifetime,
            grace=settings.refresh_grace,
            access_token_lifetime=settings.longest_token_lifetime,
        )


@dataclass(frozen=True, slots=True)
class Proven:
    """The grant is valid, with the entitlement to issue.

    `family_id` names the family of refresh tokens or the API key behind the access token, so that
    revoking it also revokes the access token.
    """

    entitlement: Entitlement
    offline: bool
    refresh_token: str | None
    family_id: str | None = None
    issued_token_type: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The grant is refused, and the changes made for the refusal are kept.

    A raised error rolls the request back, so refusals that revoke something return this instead.
    """

    error: OAuthError


ProveGrant = Callable[[TokenRequest], Awaitable[Proven | Refused]]
