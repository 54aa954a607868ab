"""What a grant type is given, and what it answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from auth_server.clients.table import Client
from auth_server.db.engine import DbSession
from auth_server.errors import OAuthError
from auth_server.forms import Parameters
from auth_server.resources import Resources
from auth_server.tokens.entitlement import Entitlement
from auth_server.tokens.refresh_token import RefreshPolicy


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A token request whose client has authenticated."""

    form: Parameters
    client: Client
    db: DbSession
    opened: Resources
    now: datetime

    @property
    def refresh_policy(self) -> RefreshPolicy:
        """The configured lifetimes of refresh tokens."""
        settings = self.opened.settings
        return RefreshPolicy(
            key=self.opened.keys.refresh,
            idle_lifetime=settings.refresh_idle_lifetime,
            absolute_lifetime=settings.refresh_absolute_lifetime,
            grace=settings.refresh_grace,
        )


@dataclass(frozen=True, slots=True)
class Proven:
    """The grant holds: what to issue."""

    entitlement: Entitlement
    offline: bool
    refresh_token: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The grant does not hold, and what was written about that must stay written.

    A raised error rolls the request back; this is for refusals that end something.
    """

    error: OAuthError


ProveGrant = Callable[[TokenRequest], Awaitable[Proven | Refused]]
