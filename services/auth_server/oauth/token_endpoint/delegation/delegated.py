"""The delegation while it is being checked."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from auth_server.entitlements.entitlement import Entitlement
from auth_server.oauth.token_endpoint.request import TokenRequest
from auth_server.tokens.read_access_token import ReadToken
from gatepost.catalogue import CatalogueDocument
from gatepost.claims import AccessClaims


@dataclass(frozen=True, slots=True)
class Actor:
    """A sub-agent: `sub` of `act`, and the client that proved to be it, or None for a part of the asker."""

    sub: str
    name: str
    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class CheckedDelegation:
    """The checked part of a delegation; each check returns a copy with more of it.

    `entitlement` is what the subject token allows now, and in the end what the sub-agent gets of it.
    """

    subject: ReadToken | None = None
    actor: Actor | None = None
    entitlement: Entitlement | None = None
    catalogue: CatalogueDocument | None = None

    @property
    def claims(self) -> AccessClaims:
        """The claims of the subject token, for checks that run after `read_subject`."""
        return self.known_subject().claims

    def known_subject(self) -> ReadToken:
        """Return the subject token, for checks that run after `read_subject`."""
        if self.subject is None:
            raise LookupError("read_subject must come first in CHECKS")
        return self.subject

    def known_entitlement(self) -> Entitlement:
        """Return the entitlement, for checks that run after `resolve_parent`."""
        if self.entitlement is None:
            raise LookupError("resolve_parent must come first in CHECKS")
        return self.entitlement

    def known_catalogue(self) -> CatalogueDocument:
        """Return the newest catalogue, for checks that run after `resolve_parent`."""
        if self.catalogue is None:
            raise LookupError("resolve_parent must come first in CHECKS")
        return self.catalogue

    def known_actor(self) -> Actor:
        """Return the sub-agent, for checks that run after `read_actor`."""
        if self.actor is None:
            raise LookupError("read_actor must come first in CHECKS")
        return self.actor


Check = Callable[[CheckedDelegation, TokenRequest], Awaitable[CheckedDelegation]]
