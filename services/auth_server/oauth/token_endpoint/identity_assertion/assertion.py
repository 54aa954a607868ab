"""The identity assertion while it is being checked."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from auth_server.connectors.oidc import OidcConnector
from auth_server.connectors.port import AssertedIdentity
from auth_server.errors import InvalidGrant
from auth_server.oauth.token_endpoint.request import TokenRequest
from auth_server.settings import ResourceAddress

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
"""RFC 7523 §2.1."""
GRANT_PROFILE = "urn:ietf:params:oauth:grant-profile:id-jag"
"""Identity Assertion JWT Authorization Grant, draft-ietf-oauth-identity-assertion-authz-grant §7.2."""
TOKEN_TYPE = "oauth-id-jag+jwt"  # noqa: S105 - the type of the JWT


@dataclass(frozen=True, slots=True)
class CheckedAssertion:
    """The checked part of an assertion; each check returns a copy with more of it.

    `claims` come from whoever sent the request until `verify_signature` has run. `groups` is None if the
    provider left the claim out because the person has too many. The use of `jti` is stored until
    `forgotten_at`.
    """

    text: str = field(repr=False)
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)
    connector: OidcConnector | None = None
    identity: AssertedIdentity | None = None
    groups: frozenset[str] | None = frozenset()
    resource: ResourceAddress | None = None
    scopes: frozenset[str] = frozenset()
    jti: str = ""
    issued_at: datetime | None = None
    forgotten_at: datetime | None = None

    def known_connector(self) -> OidcConnector:
        """Return the provider, for checks that run after `find_issuer`."""
        if self.connector is None:
            raise LookupError("find_issuer must come first in CHECKS")
        return self.connector

    def known_resource(self) -> ResourceAddress:
        """Return the resource, for checks that run after `resolve_resource`."""
        if self.resource is None:
            raise LookupError("resolve_resource must come first in CHECKS")
        return self.resource

    def text_of(self, name: str) -> str:
        """Return a claim that must be a string.

        Raises:
            InvalidGrant: it is missing, or has another type or unusual characters.
        """
        value = self.claims.get(name)
        if not isinstance(value, str) or not 1 <= len(value) <= 1024 or not value.isprintable():
            raise refused(f"{name} must be a string")
        return value


Check = Callable[[CheckedAssertion, TokenRequest], Awaitable[CheckedAssertion]]


def refused(reason: str, *, detail: str = "") -> InvalidGrant:
    """Make the refusal of an assertion; the reason names the claim and what it must be."""
    return InvalidGrant(f"assertion: {reason}", detail=detail)
