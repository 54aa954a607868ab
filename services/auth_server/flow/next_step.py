"""Decide from stored state which page comes next for an authorization request."""

from collections.abc import Sequence
from dataclasses import dataclass

from auth_server.flow.own_provider import may_act
from auth_server.flow.signed_in import SignedIn
from auth_server.records.authorization_requests.table import AuthorizationRequest
from auth_server.records.people.table import Person
from auth_server.records.sessions.table import Session
from auth_server.records.tenants.store import TenantMembership


@dataclass(frozen=True, slots=True)
class SignIn:
    """The browser has no session, not a recent enough one, or another person's than the app expects."""

    other_person: bool = False


@dataclass(frozen=True, slots=True)
class ChooseAccount:
    """The app wants the person to say which account to use."""

    person: Person


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
class NotMember:
    """The person is not a member of the organisation whose address the app asks for."""

    person: Person


@dataclass(frozen=True, slots=True)
class UseOwnProvider:
    """The tenant requires a sign-in with its own identity provider."""

    person: Person
    membership: TenantMembership
    memberships: Sequence[TenantMembership]


@dataclass(frozen=True, slots=True)
class StepUp:
    """The tenant requires a stronger sign-in than the person's, or the app prefers one.

    `wanted_class` is the one that the app prefers, which the person may forgo.
    """

    person: Person
    membership: TenantMembership
    memberships: Sequence[TenantMembership]
    wanted_class: str | None = None


@dataclass(frozen=True, slots=True)
class AskConsent:
    """Only the person's consent is missing."""

    person: Person
    membership: TenantMembership
    memberships: Sequence[TenantMembership]
    session: Session
    own_provider: str | None = None
    """The customer's own provider that signed the person in, if it did."""


@dataclass(frozen=True, slots=True)
class LinkAccount:
    """The person must link their account at a provider before an app gets access."""

    person: Person
    membership: TenantMembership
    memberships: Sequence[TenantMembership]
    provider: str


InTenant = ChooseTenant | UseOwnProvider | StepUp | LinkAccount | AskConsent
"""The steps at which the person can choose another of their tenants."""
NextStep = SignIn | ChooseAccount | NoTenant | NotMember | InTenant


def next_step(
    authorization_request: AuthorizationRequest,
    signed_in: SignedIn | None,
    memberships: Sequence[TenantMembership],
    usual_tenant: str | None = None,
    organisation: str | None = None,
    *,
    can_step_up: bool = False,
) -> NextStep:
    """Decide the next page of an authorization.

    Args:
        authorization_request: the app's request.
        signed_in: the person and their session, or None.
        memberships: the person's tenant memberships.
        usual_tenant: the tenant of their last approval, used unless they choose another.
        organisation: the tenant id in the address that the app asks for, which leaves no choice.
        can_step_up: whether they could sign in as strongly as the app prefers, and did not.
    """
    if signed_in is None:
        return SignIn()
    session, person = signed_in.session, signed_in.person
    after, created_at = authorization_request.signed_in_after, authorization_request.created_at
    if after is not None and session.signed_in_at < after:
        return SignIn()
    if authorization_request.expected_person not in {None, person.person_id}:
        return SignIn(other_person=True)
    if authorization_request.choose_account and session.signed_in_at <= created_at:
        return ChooseAccount(person)
    if organisation is not None:
        memberships = [one for one in memberships if one.tenant_id == organisation]
        if not memberships:
            return NotMember(person)
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
    if can_step_up:
        return StepUp(person, membership, memberships, authorization_request.wanted_class)
    return AskConsent(person, membership, memberships, session, signed_in.own_provider)
