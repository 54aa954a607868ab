"""Decide from stored state which page comes next for an authorization request."""

from collections.abc import Sequence
from dataclasses import dataclass

from auth_server.flow.own_provider import may_act
from auth_server.flow.signed_in import SignedIn
from auth_server.records.authorization_requests.table import AuthorizationRequest
from auth_server.records.people.table import Person
from auth_server.records.tenants.store import TenantMembership


@dataclass(frozen=True, slots=True)
class SignIn:
    """The browser has no session, or not a recent enough one."""


@dataclass(frozen=True, slots=True)
class ChooseTenant:
    """The person is a member of several tenants and has not chosen one."""

    person: Person
    memberships: Sequence[TenantMembership]


@dataclass(frozen=True, slots=True)
class NoTenant:
    """The person is not a member of any tenant."""

    person: Person


@dataclass(frozen=True, slots=True)
class UseOwnProvider:
    """The tenant requires a sign-in with its own identity provider."""

    person: Person
    membership: TenantMembership
    memberships: Sequence[TenantMembership]


@dataclass(frozen=True, slots=True)
class StepUp:
    """The tenant requires a stronger sign-in than the person's."""

    person: Person
    membership: TenantMembership
    memberships: Sequence[TenantMembership]


@dataclass(frozen=True, slots=True)
class AskConsent:
    """Only the person's consent is missing."""

    person: Person
    membership: TenantMembership
    memberships: Sequence[TenantMembership]
    own_provider: str | None = None
    """The customer's own provider that signed the person in, if it did."""


InTenant = ChooseTenant | UseOwnProvider | StepUp | AskConsent
"""The steps at which the person can choose another of their tenants."""
NextStep = SignIn | NoTenant | InTenant


def next_step(
    authorization_request: AuthorizationRequest,
    signed_in: SignedIn | None,
    memberships: Sequence[TenantMembership],
    usual_tenant: str | None = None,
) -> NextStep:
    """Decide the next page of an authorization.

    Args:
        authorization_request: the app's request.
        signed_in: the person and their session, or None.
        memberships: the person's tenant memberships.
        usual_tenant: the tenant of their last approval, used unless they choose another.
    """
    if signed_in is None:
        return SignIn()
    session, person = signed_in.session, signed_in.person
    after = authorization_request.signed_in_after
    if after is not None and session.signed_in_at < after:
        return SignIn()
    if not memberships:
        return NoTenant(person)
    wanted = authorization_request.tenant_id or usual_tenant
    chosen = [membership for membership in memberships if membership.tenant_id == wanted]
    membership = memberships[0] if len(memberships) == 1 else next(iter(chosen), None)
    if membership is None:
        return ChooseTenant(person, memberships)
    if not may_act(signed_in, membership):
        return UseOwnProvider(person, membership, memberships)
    if session.level < membership.policy.required_level:
        return StepUp(person, membership, memberships)
    return AskConsent(person, membership, memberships, signed_in.own_provider)
