"""Find the signed-in person of a browser."""

from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from auth_server.db.engine import DbSession
from auth_server.records.people.store import find_person
from auth_server.records.people.table import Person
from auth_server.records.second_factors.store import has_second_factor
from auth_server.records.sessions.store import find_session
from auth_server.records.sessions.table import TWO_FACTORS, Session, provider_of
from auth_server.secrets import hash_secret
from auth_server.settings import AuthServerSettings
from auth_server.tenancy.customers_providers import NotAdmitted, require_customers_person
from auth_server.web.browser import read_session


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A signed-in person and their session."""

    session: Session
    person: Person
    only_tenant: str | None = None
    """The tenant whose own provider signed the person in; None for all other ways to sign in."""
    own_provider: str | None = None
    """The name of that provider."""


async def lacks_second_factor(
    db: DbSession, person_id: str, *, level: int, settings: AuthServerSettings
) -> bool:
    """Return whether a person has a second factor here, and signed in without one."""
    return level < TWO_FACTORS and settings.has_accounts and await has_second_factor(db, person_id)


async def resolve_signed_in(
    request: Request, db: DbSession, settings: AuthServerSettings, now: datetime
) -> SignedIn | None:
    """Find the signed-in person of the browser that sends a request.

    A session from a customer's provider counts only while that provider may sign the person in, and a
    session from any provider only while the settings have it.
    """
    secret = read_session(request, settings)
    if not secret:
        return None
    idle = settings.session_idle_lifetime
    session = await find_session(db, hash_secret(secret), now=now, idle=idle)
    if session is None:
        return None
    person = await find_person(db, session.person_id)
    if person is None:
        return None
    provider = provider_of(session.method)
    if provider is None:
        return SignedIn(session, person)
    if provider not in settings.customers_providers:
        # A removed entry may have been a customer's, whose sessions must not count as ours.
        known = any(getattr(way, "name", None) == provider for way in settings.sign_in)
        return SignedIn(session, person) if known else None
    try:
        tenant_id = await require_customers_person(db, provider, person.email, person.person_id)
    except NotAdmitted:
        return None
    return SignedIn(session, person, tenant_id, provider)
