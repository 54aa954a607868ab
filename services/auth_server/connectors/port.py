"""What every connector does, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from auth_server.sign_in_settings import ExternalSignIn
from gatepost.data_scope import DataScope

Refusal = Literal["unavailable", "cancelled", "refused"]


class SignInRefused(Exception):
    """The connector brought nobody back. The text is for the logs; `told` is for the person."""

    def __init__(self, reason: str, *, told: Refusal = "refused") -> None:
        """Refuse, saying why."""
        super().__init__(reason)
        self.told: Refusal = told


def answered_error(error: str) -> SignInRefused:
    """Make the refusal for an `error` that a provider sent the browser back with."""
    cancelled = error == "access_denied"
    told: Refusal = "cancelled" if cancelled else "refused"
    return SignInRefused(f"the provider answered {error[:80]!r}", told=told)


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """What a browser is sent away with. Only the browser that left can bring it back.

    Attributes:
        state: what the provider sends back untouched.
        nonce: what the provider's statement must repeat.
        verifier: the secret of PKCE (RFC 7636 §4.1).
        callback: where the provider sends the browser.
        left_at: when.
        fresh: whether the person must prove again who they are, signed in there or not.
        login_hint: who is expected, as the app said.
    """

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    callback: str
    left_at: datetime
    fresh: bool
    login_hint: str = ""


@dataclass(frozen=True, slots=True)
class AssertedMembership:
    """A place in a tenant, as the provider says."""

    tenant_id: str
    tenant_name: str
    role: str
    data_scope: DataScope


@dataclass(frozen=True, slots=True)
class AssertedIdentity:
    """Who has signed in, as a provider says.

    Attributes:
        issuer: who says so.
        subject: whom it knows them as; unique together with the issuer, and never anything else.
        person_id: the id the SaaS knows them by.
        name: what they are called.
        email: their verified address, or None.
        memberships: where they belong; None where the provider is not asked.
        two_factors: whether it says that they proved more than one factor (RFC 8176 §2).
    """

    issuer: str
    subject: str
    person_id: str
    name: str
    email: str | None
    memberships: tuple[AssertedMembership, ...] | None
    two_factors: bool


class Connector(Protocol):
    """Signs people in elsewhere."""

    @property
    def settings(self) -> ExternalSignIn:
        """What the operator decided."""
        ...

    async def authorization_url(self, provider_request: ProviderRequest) -> str:
        """Answer the URL to send the browser to.

        Raises:
            SignInRefused: the provider can't be reached.
        """
        ...

    async def read_callback(
        self, parameters: Mapping[str, str], provider_request: ProviderRequest
    ) -> AssertedIdentity:
        """Read what a browser brought back.

        Args:
            parameters: the query it came back with.
            departure: what it had left with.

        Raises:
            SignInRefused: the provider said no, said nothing that can be believed, or is away.
        """
        ...
