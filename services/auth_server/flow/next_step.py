"""Which page comes next for a transaction, decided from stored state alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from auth_server.records.authorization_requests.table import Transaction
from auth_server.records.people.table import Person
from auth_server.records.sessions.table import Session
from auth_server.records.tenants.store import Seat


@dataclass(frozen=True, slots=True)
class SignIn:
    """Nobody is signed in, or not freshly enough."""


@dataclass(frozen=True, slots=True)
class ChooseTenant:
    """The person is a member of several tenants and has not said which."""

    person: Person
    seats: Sequence[Seat]


@dataclass(frozen=True, slots=True)
class NoTenant:
    """The person is a member of none."""

    person: Person


@dataclass(frozen=True, slots=True)
class StepUp:
    """The tenant asks for a surer sign-in than the person's."""

    person: Person
    seat: Seat
    seats: Sequence[Seat]


@dataclass(frozen=True, slots=True)
class AskConsent:
    """Everything is known but the person's answer."""

    person: Person
    seat: Seat
    seats: Sequence[Seat]


NextStep = SignIn | ChooseTenant | NoTenant | StepUp | AskConsent


def next_step(
    transaction: Transaction,
    signed_in: tuple[Session, Person] | None,
    seats: Sequence[Seat],
    usual_tenant: str | None = None,
) -> NextStep:
    """Decide the next page of a transaction.

    Args:
        transaction: the app's request.
        signed_in: who is.
        seats: where they are a member.
        usual_tenant: which one they chose the last time; it stands until they say otherwise.
    """
    if signed_in is None:
        return SignIn()
    session, person = signed_in
    after = transaction.signed_in_after
    if after is not None and session.signed_in_at < after:
        return SignIn()
    if not seats:
        return NoTenant(person)
    wanted = transaction.tenant_id or usual_tenant
    chosen = [seat for seat in seats if seat.tenant_id == wanted]
    seat = seats[0] if len(seats) == 1 else next(iter(chosen), None)
    if seat is None:
        return ChooseTenant(person, seats)
    if session.level < seat.policy.required_level:
        return StepUp(person, seat, seats)
    return AskConsent(person, seat, seats)
