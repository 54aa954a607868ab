"""Read people, and end what they can do or reset what they lost."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import Slice, cut
from auth_server.db.engine import DbSession
from auth_server.records.api_keys.store import list_api_keys
from auth_server.records.audit.store import Audit, record
from auth_server.records.clients.store import list_client_names
from auth_server.records.factor_recoveries.store import drop_pending_recovery
from auth_server.records.grants.store import list_live_grants
from auth_server.records.people.store import find_account, search_people
from auth_server.records.people.table import Person
from auth_server.records.second_factors.store import (
    count_recovery_codes,
    drop_second_factors,
    find_authenticator_app,
    list_passkeys,
)
from auth_server.records.sessions.store import end_sessions, list_sessions
from auth_server.records.tenants.store import list_memberships
from auth_server.revocations.revoke import outdate_tokens
from auth_server.tenancy.own_provider import forget_break_glass

MOST_SHOWN = 100
"""How many connections, sessions and keys of one person are shown."""
T = TypeVar("T")
View = TypeVar("View")


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True, use_attribute_docstrings=True)


class PersonView(_View):
    """A person in a list."""

    person_id: str
    """Their id in your product."""
    name: str
    email: str | None
    email_verified_at: datetime | None
    """When the person, their provider or an operator confirmed the address."""
    created_at: datetime
    disabled_at: datetime | None


class MembershipView(_View):
    """A person's membership in a tenant."""

    tenant_id: str
    role: str
    data_scope: str


class ConnectionView(_View):
    """What a person allowed a client."""

    grant_id: str
    client_id: str
    client_name: str
    tenant_id: str
    redirect_host: str
    """Where the client's authorization codes go."""
    approved_at: datetime
    expires_at: datetime


class SessionView(_View):
    """A browser in which a person is signed in."""

    method: str
    level: int
    address: str
    user_agent: str
    signed_in_at: datetime
    last_seen_at: datetime


class PersonKeyView(_View):
    """A person's API key that is not revoked."""

    key_id: str
    label: str
    tenant_id: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class OnePersonView(PersonView):
    """A person with all that they have; each list has at most 100 items."""

    has_password: bool
    passkeys: int
    authenticator_app: bool
    recovery_codes: int
    memberships: tuple[MembershipView, ...]
    connections: tuple[ConnectionView, ...]
    sessions: tuple[SessionView, ...]
    api_keys: tuple[PersonKeyView, ...]


async def read_people(
    db: DbSession, operator: ActingOperator, *, search: str = "", after: str = "", limit: int
) -> Slice[PersonView]:
    """List people by id, those whose id, name or e-mail address contains `search`.

    Raises:
        Forbidden: `people:read` is missing.
    """
    operator.require("people:read")
    rows = await search_people(db, search, after=after, most=limit + 1)
    views = [PersonView.model_validate(row) for row in rows]
    return cut(views, limit, place=lambda view: view.person_id)


async def read_person(
    db: DbSession, operator: ActingOperator, person_id: str, *, now: datetime, idle: timedelta
) -> OnePersonView:
    """Show one person.

    Args:
        db: an open database session.
        operator: who asks.
        person_id: the person.
        now: the time.
        idle: how long a session lives that is not used.

    Raises:
        Forbidden: `people:read` is missing.
        NotFound: the person does not exist.
    """
    operator.require("people:read")
    person = await _require_person(db, person_id)
    grants = (await list_live_grants(db, person_id=person_id))[:MOST_SHOWN]
    names = await list_client_names(db, {grant.client_id for grant in grants})
    keys = [key for key in await list_api_keys(db, person_id=person_id) if not key.revoked_at]
    sessions = await list_sessions(db, person_id, now=now, idle=idle)
    memberships = await list_memberships(db, person_id=person_id)
    return OnePersonView(
        **PersonView.model_validate(person).model_dump(),
        has_password=person.password_hash is not None,
        passkeys=len(await list_passkeys(db, person_id)),
        authenticator_app=await find_authenticator_app(db, person_id) is not None,
        recovery_codes=await count_recovery_codes(db, person_id),
        memberships=_first(memberships, MembershipView.model_validate),
        connections=tuple(
            ConnectionView(
                grant_id=grant.grant_id,
                client_id=grant.client_id,
                client_name=names.get(grant.client_id, grant.client_id),
                tenant_id=grant.tenant_id,
                redirect_host=grant.redirect_host,
                approved_at=grant.approved_at,
                expires_at=grant.expires_at,
            )
            for grant in grants
        ),
        sessions=_first(sessions, SessionView.model_validate),
        api_keys=_first(keys, PersonKeyView.model_validate),
    )


async def disable_person(
    db: DbSession,
    operator: ActingOperator,
    person_id: str,
    disabled: bool,
    *,
    lifetime: timedelta,
    now: datetime,
) -> None:
    """Lock a person out and end their sessions and tokens, or let them in again.

    Args:
        db: the open transaction.
        operator: who does it.
        person_id: the person.
        disabled: whether they are locked out.
        lifetime: how long access tokens live.
        now: the time.

    Raises:
        Forbidden: `people:write` is missing.
        NotFound: the person does not exist.
    """
    operator.act(db, "people:write")
    person = await _require_person(db, person_id)
    if disabled == (person.disabled_at is not None):
        return
    person.disabled_at = now if disabled else None
    await db.flush()
    if disabled:
        await end_sessions(db, person_id, now=now)
        await outdate_tokens(db, "person", person_id, lifetime=lifetime, now=now)
    await _record_change(db, person_id, ["disabled"], disabled=disabled, now=now)


async def sign_out_person(
    db: DbSession, operator: ActingOperator, person_id: str, *, now: datetime
) -> None:
    """End all sessions of a person; apps that they connected stay connected.

    Raises:
        Forbidden: `people:write` is missing.
        NotFound: the person does not exist.
    """
    operator.act(db, "people:write")
    await _require_person(db, person_id)
    await end_sessions(db, person_id, now=now)
    ended = Audit("session.ended", person_id=person_id, detail={"sessions": "all"})
    await record(db, ended, now=now)


async def reset_factors(
    db: DbSession, operator: ActingOperator, person_id: str, *, now: datetime
) -> None:
    """Delete the passkeys, authenticator app and recovery codes of a person who lost them.

    It ends their sessions too. They sign in with their password and add new ones.

    Raises:
        Forbidden: `people:write` is missing.
        NotFound: the person does not exist.
    """
    operator.act(db, "people:write")
    person = await _require_person(db, person_id)
    await drop_second_factors(db, person_id)
    await forget_break_glass(db, person_id, now=now)
    await drop_pending_recovery(db, person_id)
    await end_sessions(db, person_id, now=now)
    disabled = person.disabled_at is not None
    await _record_change(db, person_id, ["second factors"], disabled=disabled, now=now)


def _first(rows: Iterable[T], view: Callable[[T], View]) -> tuple[View, ...]:
    return tuple(view(row) for row in list(rows)[:MOST_SHOWN])


async def _require_person(db: DbSession, person_id: str) -> Person:
    found = person_id.isprintable() and await find_account(db, person_id=person_id)
    if not found:
        raise NotFound(f"the person {person_id[:200]} does not exist")
    return found


async def _record_change(
    db: DbSession, person_id: str, changed: list[str], *, disabled: bool, now: datetime
) -> None:
    detail: dict[str, bool | list[str]] = {"changed": changed, "disabled": disabled}
    await record(db, Audit("person.changed", person_id=person_id, detail=detail), now=now)
