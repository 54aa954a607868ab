"""The mails that tell people what happened to their account or their organisation."""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from auth_server.db.engine import DbSession
from auth_server.outbox.compose import Value
from auth_server.outbox.queue import Template, queue_mail
from auth_server.outbox.switches import is_wanted
from auth_server.records.api_keys.table import StoredApiKey
from auth_server.records.audit.table import AuditEntry
from auth_server.records.people.store import find_person
from auth_server.records.people.table import Person
from auth_server.records.quota_notices.store import was_noticed_before
from auth_server.records.quota_notices.table import QuotaNotice
from auth_server.records.tenants.store import find_tenant, list_admins

_MOST_ADMINS = 20
_NEW_ACCOUNT = timedelta(hours=1)

Told = tuple[Template, dict[str, Value]]
Tell = Callable[[DbSession, AuditEntry, Mapping[str, Any], Person], Awaitable[Told | None]]


async def _tell_of_sign_in(
    _: DbSession, entry: AuditEntry, detail: Mapping[str, Any], person: Person
) -> Told | None:
    # A person who has just got their account signs in with an unknown browser themselves.
    if detail.get("known_browser") is not False or entry.at - person.created_at < _NEW_ACCOUNT:
        return None
    browser = str(detail.get("browser") or "")
    values: dict[str, Value] = {
        "browser": browser,
        "at": _moment(entry.at),
        "path": "/account/sessions",
    }
    return "new_sign_in", values


async def _tell_of_app(
    db: DbSession, entry: AuditEntry, detail: Mapping[str, Any], _: Person
) -> Told | None:
    tenant = await find_tenant(db, entry.tenant_id)
    values: dict[str, Value] = {
        "app": str(detail.get("client_name") or entry.client_id),
        "tenant": tenant.name if tenant else entry.tenant_id,
        "path": f"/account/app?grant={entry.grant_id}",
    }
    return "app_connected", values


async def _tell_of_factor(
    _: DbSession, entry: AuditEntry, detail: Mapping[str, Any], __: Person
) -> Told | None:
    added = entry.event == "second_factor.added"
    values: dict[str, Value] = {
        "factor": str(detail.get("factor") or ""),
        "path": "/account/security",
    }
    return ("second_factor_added" if added else "second_factor_removed"), values


TOLD_OF: Mapping[str, Tell] = {
    "signed_in": _tell_of_sign_in,
    "grant.created": _tell_of_app,
    "second_factor.added": _tell_of_factor,
    "second_factor.removed": _tell_of_factor,
}
"""The events of the audit log of which the person is told by mail."""


async def queue_notice(db: DbSession, entry: AuditEntry, now: datetime) -> None:
    """Queue the mail that an entry of the audit log causes, if it causes one."""
    if entry.event == "break_glass.used":
        await _tell_admins_of_break_glass(db, entry, now)
    tell = TOLD_OF.get(entry.event)
    person = await find_person(db, entry.person_id) if tell is not None else None
    if tell is None or person is None:
        return
    told = await tell(db, entry, json.loads(entry.detail), person)
    if told is not None:
        await _queue(db, person, *told, now=now)


async def _tell_admins_of_break_glass(db: DbSession, entry: AuditEntry, now: datetime) -> None:
    tenant, person = await find_tenant(db, entry.tenant_id), await find_person(db, entry.person_id)
    if tenant is None or person is None:
        return
    values: dict[str, Value] = {
        "who": person.known_as,
        "tenant": tenant.name,
        "at": _moment(entry.at),
        "path": f"/account/organisation/audit?{urlencode({'tenant': tenant.tenant_id})}",
    }
    for person_id in await list_admins(db, tenant.tenant_id, most=_MOST_ADMINS):
        admin = await find_person(db, person_id)
        if admin is not None:
            await _queue(db, admin, "break_glass_used", values, now=now)


async def queue_key_notice(db: DbSession, key: StoredApiKey, days: int, now: datetime) -> None:
    """Tell the person of an API key that it expires in a number of days."""
    person = await find_person(db, key.person_id)
    if person is not None:
        values: dict[str, Value] = {"label": key.label, "days": days, "path": "/account/api-keys"}
        await _queue(db, person, "api_key_expiring", values, now=now)


async def queue_quota_notice(db: DbSession, notice: QuotaNotice, now: datetime) -> None:
    """Tell a tenant's admins that a quota or budget is used up to a percentage.

    They are told of each quota and percentage once in a month; the page has them all.
    """
    if await was_noticed_before(db, notice):
        return
    tenant = await find_tenant(db, notice.tenant_id)
    if tenant is None:
        return
    values: dict[str, Value] = {
        "tenant": tenant.name,
        "percent": notice.percent,
        "used": notice.used,
        "limit": notice.units_limit,
        "path": f"/account/plan?tenant={notice.tenant_id}",
    }
    template: Template = "quota_of_a_day" if notice.kind == "day" else "quota_of_a_month"
    if notice.kind not in {"day", "month"}:
        template = "budget_reached"
    for person_id in await list_admins(db, notice.tenant_id, most=_MOST_ADMINS):
        person = await find_person(db, person_id)
        if person is not None:
            await _queue(db, person, template, values, now=now)


async def _queue(
    db: DbSession, person: Person, template: Template, values: Mapping[str, Value], *, now: datetime
) -> None:
    if not is_wanted(template, person.muted_notices):
        return
    named = {"name": person.name, **values}
    language = person.language
    await queue_mail(db, template, to=person.email, language=language, values=named, now=now)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
