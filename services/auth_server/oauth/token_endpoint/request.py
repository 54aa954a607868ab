"""The values that a grant type takes and returns."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from auth_server.connectors.port import Connector
from auth_server.db.engine import Database, OpenTransaction
from auth_server.entitlements.entitlement import Entitlement
from auth_server.errors import OAuthError
from auth_server.keys import Keys
from auth_server.records.authentications.table import Authentication
from auth_server.records.clients.facts import ClientFacts
from auth_server.secrets import NewSecret
from auth_server.settings import AuthServerSettings
from auth_server.tokens.refresh_token import RefreshPolicy
from auth_server.web.forms import Parameters
from gatepost.claims import Confirmation


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A token request whose client has authenticated, and proved to have the key of `confirmation`."""

    form: Parameters
    client: ClientFacts
    now: datetime
    settings: AuthServerSettings
    keys: Keys
    database: Database
    transaction: OpenTransaction
    new_secret: NewSecret
    connectors: Mapping[str, Connector]
    confirmation: Confirmation | None = None

    @property
    def refresh_binding(self) -> str | None:
        """The key to which a refresh token is bound: that of a public client (RFC 9449 §5, RFC 8705 §7.1).

        Any other client authenticates for each refresh, and may change its key.
        """
        if self.confirmation is None or self.client.token_endpoint_auth_method != "none":  # noqa: S105 - the method's name
            return None
        return str(self.confirmation)

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
    revoking it also revokes the access token; for a sub-agent it is the path of the delegation. With
    `authentication`, an ID token comes too.
    """

    entitlement: Entitlement
    offline: bool
    refresh_token: str | None
    family_id: str | None = None
    issued_token_type: str | None = None
    authentication: Authentication | None = None
    nonce: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The grant is refused, and the changes made for the refusal are kept.

    A raised error rolls the request back, so refusals that revoke something return this instead.
    """

    error: OAuthError


ProveGrant = Callable[[TokenRequest], Awaitable[Proven | Refused]]
