"""The port `Connector`, and the values that connectors take and return."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from auth_server.sign_in_settings import ExternalSignIn
from gatepost.data_scope import DataScope

Refusal = Literal["unavailable", "cancelled", "refused", "unusable tenant"]


class SignInRefused(Exception):
    """The sign-in failed. The text is for the logs; `told` selects the message for the person."""

    def __init__(self, reason: str, *, told: Refusal = "refused") -> None:
        """Take the reason for the logs, and the kind of refusal for the person."""
        super().__init__(reason)
        self.told: Refusal = told


def answered_error(error: str) -> SignInRefused:
    """Make the refusal for an `error` in a provider's response."""
    cancelled = error == "access_denied"
    told: Refusal = "cancelled" if cancelled else "refused"
    return SignInRefused(f"the provider answered {error[:80]!r}", told=told)


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """A request to a provider. Only the browser that was sent with it can complete it.

    Attributes:
        state: the value that the provider returns unchanged.
        nonce: the value that the provider's statement must repeat.
        verifier: the PKCE verifier (RFC 7636 §4.1).
        callback: the URL to which the provider sends the browser.
        left_at: when the browser was sent to the provider.
        fresh: whether the provider must prove that the person authenticated after this request.
        other: whether another person may want to sign in than the one signed in there.
        login_hint: the expected person, as named by the app.
    """

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    callback: str
    left_at: datetime
    fresh: bool
    other: bool = False
    login_hint: str = ""


@dataclass(frozen=True, slots=True)
class AssertedMembership:
    """A tenant membership, as stated by the provider."""

    tenant_id: str
    tenant_name: str
    role: str
    data_scope: DataScope


@dataclass(frozen=True, slots=True)
class AssertedIdentity:
    """The person who signed in, as stated by a provider.

    Attributes:
        issuer: the provider's issuer.
        subject: the person's id at the provider; only issuer and subject together are unique.
        person_id: the person's id in the SaaS product.
        name: the person's name.
        email: the person's verified address, or None.
        memberships: the person's tenants; None if the provider does not decide them.
        two_factors: whether the person used more than one factor (RFC 8176 §2).
    """

    issuer: str
    subject: str
    person_id: str
    name: str
    email: str | None
    memberships: tuple[AssertedMembership, ...] | None
    two_factors: bool


class Connector(Protocol):
    """Signs people in with a provider."""

    @property
    def settings(self) -> ExternalSignIn:
        """The provider's settings."""
        ...

    async def authorization_url(self, provider_request: ProviderRequest) -> str:
        """Return the URL to which the browser is sent.

        Raises:
            SignInRefused: the provider can't be reached.
        """
        ...

    async def read_callback(
        self, parameters: Mapping[str, str], provider_request: ProviderRequest
    ) -> AssertedIdentity:
        """Read and verify the provider's response.

        Args:
            parameters: the query of the callback.
            provider_request: the request that this browser was sent with.

        Raises:
            SignInRefused: the provider refused, sent an invalid response, or can't be reached.
        """
        ...
