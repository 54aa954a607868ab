"""Which page comes next for a transaction, decided from stored state alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from auth_server.flow.signed_in import SignedIn
from auth_server.records.authorization_requests.table import AuthorizationRequest
from auth_server.records.people.table import Person
from auth_server.records.tenants.store import TenantMembership


@dataclass(frozen=True, slots=True)
class SignIn:
    """Nobody is signed in, or not freshly enough."""


@dataclass(frozen=True, slots=True)
class ChooseTenant:
    """The person is a member of several tenants and has not said which."""

    person: Person
    memberships: Sequence[TenantMembership]


@dataclass(frozen=True, slots=True)
class NoTenant:
    """The person is a member of none."""

    person: Person


@dataclass(frozen=True, slots=True)
class StepUp:
    """The tenant asks for a surer sign-in than the person's."""

    person: Person
    membership: TenantMembership
    memberships: Sequence[TenantMembership]


@dataclass(frozen=True, slots=True)
class AskConsent:
    """Everything is known but the person's answer."""

    person: Person
    membership: TenantMembership
    memberships: Sequence[TenantMembership]


NextStep = SignIn | ChooseTenant | NoTenant | StepUp | AskConsent


def next_step(
    authorization_request: AuthorizationRequest,
    signed_in: SignedIn | None,
    memberships: Sequence[TenantMembership],
    usual_tenant: str | None = None,
) -> NextStep:
    """Decide the next page of a transaction.

    Args:
        transaction: the app's request.
        signed_in: the person and their session, or None.
        seats: where they are a member.
        usual_tenant: which one they chose the last time; it stands until they say otherwise.
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
    if session.level < membership.policy.required_level:
        return StepUp(person, membership, memberships)
    return AskConsent(person, membership, memberships)
