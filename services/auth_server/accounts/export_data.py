"""Export what belongs to a person, as one JSON object without secrets."""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta
from typing import Any

import orjson

from auth_server.db.engine import Database, DbSession
from auth_server.records.api_keys.store import list_api_keys
from auth_server.records.audit.search import AuditFilter, search_oldest
from auth_server.records.call_log.store import list_calls_of_grant
from auth_server.records.directory.users import list_users_of_person
from auth_server.records.grants.store import list_live_grants
from auth_server.records.linked_accounts.store import list_linked_accounts
from auth_server.records.people.store import find_person, list_identities
from auth_server.records.second_factors.store import (
    count_recovery_codes,
    find_authenticator_app,
    list_passkeys,
)
from auth_server.records.sessions.store import list_sessions
from auth_server.records.tenants.store import list_memberships

_STEP = 200
_PERSON = (
    "person_id",
    "email",
    "email_verified_at",
    "name",
    "language",
    "muted_notices",
    "created_at",
)
_IDENTITY = ("issuer", "subject", "created_at")
_MEMBERSHIP = ("tenant_id", "role", "data_scope")
_DIRECTORY = ("tenant_id", "user_name", "external_id", "email", "active", "attributes")
_CONNECTION = (
    "grant_id",
    "client_id",
    "tenant_id",
    "resource",
    "scope",
    "tools",
    "data_scope",
    "redirect_host",
    "approved_at",
    "expires_at",
)
_KEY = (
    "key_id",
    "label",
    "tenant_id",
    "resource",
    "scope",
    "tools",
    "data_scope",
    "created_at",
    "expires_at",
    "last_used_at",
    "revoked_at",
)
_LINKED = ("provider", "tenant_id", "linked_at", "renewed_at", "broken")
_SESSION = ("method", "level", "user_agent", "address", "signed_in_at", "last_seen_at")
_EVENT = ("number", "at", "event", "client_id", "tenant_id", "grant_id")
_CALL = (
    "call_id",
    "at",
    "tenant_id",
    "client_id",
    "actor",
    "grant_id",
    "tool",
    "outcome",
    "status",
    "duration_ms",
    "cost",
)


async def export_data(
    database: Database, person_id: str, *, idle: timedelta, now: datetime
) -> AsyncIterator[bytes]:
    """Write the export, a few rows at a time.

    It has the profile, identities, memberships, what directories say about them, connections, API keys, sessions, second factors, the
    entries of the audit log about the person, and the calls of their apps and keys. It has no hash,
    key or code.

    Args:
        database: the database.
        person_id: the person.
        idle: how long a session lives that is not used.
        now: the time.
    """
    async with database.reading() as db:
        own, grants = await _read_own(db, person_id, idle=idle, now=now)
    yield orjson.dumps(own, option=orjson.OPT_INDENT_2).rstrip(b"\n}") + b',\n  "events": ['
    after, separator = 0, b"\n"
    while True:
        async with database.reading() as db:
            which = AuditFilter(person_id=person_id)
            entries = await search_oldest(db, which, after=after, most=_STEP)
        for entry in entries:
            line = {**_pick(entry, _EVENT), "detail": orjson.loads(entry.detail)}
            yield separator + orjson.dumps(line)
            after, separator = entry.number, b",\n"
            if entry.grant_id:
                grants.setdefault(entry.grant_id)
        if len(entries) < _STEP:
            break
    yield b'],\n  "calls": ['
    separator = b"\n"
    for grant_id in grants:
        place: tuple[datetime, str] | None = None
        while True:
            async with database.reading() as db:
                calls = await list_calls_of_grant(db, grant_id, after=place, most=_STEP)
            # An audit entry may name a grant of somebody else, such as one that an admin ended.
            for call in (each for each in calls if each.sub == person_id):
                yield separator + orjson.dumps(_pick(call, _CALL))
                separator = b",\n"
            if len(calls) < _STEP:
                break
            place = (calls[-1].at, calls[-1].call_id)
    yield b"]\n}\n"


async def _read_own(
    db: DbSession, person_id: str, *, idle: timedelta, now: datetime
) -> tuple[dict[str, Any], dict[str, None]]:
    person = await find_person(db, person_id)
    grants = await list_live_grants(db, person_id=person_id)
    keys = await list_api_keys(db, person_id=person_id)
    app = await find_authenticator_app(db, person_id)
    own = {
        "exported_at": now,
        "profile": _pick(person, _PERSON) if person else None,
        "identities": _all(await list_identities(db, person_id), _IDENTITY),
        "memberships": _all(await list_memberships(db, person_id=person_id), _MEMBERSHIP),
        "directories": _all(await list_users_of_person(db, person_id), _DIRECTORY),
        "connections": [
            {"client_name": grant.client_snapshot.get("name"), **_pick(grant, _CONNECTION)}
            for grant in grants
        ],
        "linked_accounts": _all(await list_linked_accounts(db, person_id), _LINKED),
        "api_keys": _all(keys, _KEY),
        "sessions": _all(await list_sessions(db, person_id, now=now, idle=idle), _SESSION),
        "passkeys": _all(
            await list_passkeys(db, person_id), ("name", "created_at", "last_used_at")
        ),
        "authenticator_app": _pick(app, ("created_at",)) if app else None,
        "recovery_codes": await count_recovery_codes(db, person_id),
    }
    named = [*(grant.grant_id for grant in grants), *(key.key_id for key in keys)]
    return own, dict.fromkeys(named)


def _pick(row: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _all(rows: Iterable[object], names: Iterable[str]) -> list[dict[str, Any]]:
    return [_pick(row, names) for row in rows]
