"""Members ask the admins of their tenant to allow an app, and the admins approve or decline."""

from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from auth_server.db.engine import DbSession
from auth_server.outbox.queue import Template, queue_mail
from auth_server.outbox.switches import is_wanted
from auth_server.records.app_requests.store import (
    drop_app_request,
    find_app_request,
    list_app_requests,
    put_app_request,
)
from auth_server.records.app_requests.table import AppRequest
from auth_server.records.attempts.store import count_attempt
from auth_server.records.audit.store import Audit, Event, record
from auth_server.records.people.store import find_people
from auth_server.records.tenants.policy import UnusablePolicy, entry_of, require_policy
from auth_server.records.tenants.store import list_admins, lock_tenant
from auth_server.records.tenants.table import Tenant
from auth_server.secrets import hash_secret
from auth_server.tenancy.change_policy import ChangeRefused, change_policy, require_admin

PAGE = "/account/organisation/requests"
MOST_IN_A_DAY = 10
"""How many apps a member asks for in a day."""
MOST_SHOWN = 100
LONGEST_NOTE = 500
_MOST_ADMINS = 20


def name_request(tenant_id: str, person_id: str, client_id: str) -> str:
    """Return the id of a person's request for an app."""
    return hash_secret(f"app request\n{tenant_id}\n{person_id}\n{client_id}")


async def ask_admins(db: DbSession, request: AppRequest, *, now: datetime) -> bool:
    """Store a member's request, and tell the admins by mail.

    Asking again replaces the note, and sends no mail.

    Returns:
        Whether it was stored; otherwise the member has asked for too many apps today.
    """
    known = await find_app_request(db, request.request_id)
    if known is None:
        counted_as = hash_secret(f"app requests of {request.person_id} in {request.tenant_id}")
        day = timedelta(days=1)
        if await count_attempt(db, counted_as, most=MOST_IN_A_DAY, window=day, now=now) is not None:
            return False
    await put_app_request(db, request)
    if known is not None:
        return True
    await _record(db, "app_request.created", request, by=request.person_id, now=now)
    admins = await list_admins(db, request.tenant_id, most=_MOST_ADMINS)
    people = await find_people(db, {*admins, request.person_id})
    tenant = await lock_tenant(db, request.tenant_id)
    for admin in (people[person_id] for person_id in admins):
        values = {
            "member": people[request.person_id].known_as,
            "app": request.client_name,
            "host": request.redirect_host,
            "tenant": tenant.name if tenant else request.tenant_id,
            "note": request.note,
            "path": f"{PAGE}?{urlencode({'tenant': request.tenant_id})}",
        }
        if not is_wanted("app_request", admin.muted_notices):
            continue
        await queue_mail(
            db, "app_request", to=admin.email, language=admin.language, values=values, now=now
        )
    return True


async def approve_app(
    db: DbSession,
    tenant_id: str,
    request_id: str,
    *,
    by: str | None,
    lifetime: timedelta,
    now: datetime,
) -> None:
    """Add a requested app to the tenant's list, and tell everybody who asked for it.

    Args:
        db: the open transaction.
        tenant_id: the tenant.
        request_id: the request.
        by: the admin who approves; None for an operator.
        lifetime: how long access tokens live.
        now: the time.

    Raises:
        ChangeRefused: the admin may not do this, the request is over, or the list is full.
    """
    request, tenant = await _require_request(db, tenant_id, request_id, by=by)
    policy = tenant.policy
    if not policy.admits(request.client_id, request.redirect_host):
        entry = entry_of(request.client_id, request.redirect_host)
        try:
            listed = require_policy(
                required_level=policy.required_level,
                allowed_clients=[*(policy.allowed_clients or ()), entry],
                read_only=policy.read_only,
                longest_grant=policy.longest_grant,
            )
        except UnusablePolicy as error:
            raise ChangeRefused(str(error)) from None
        # The rule about API keys depends on whether the list is empty, and stays as it was.
        policy = replace(
            policy, allowed_clients=listed.allowed_clients, api_keys=policy.admits_api_keys
        )
        await change_policy(db, tenant_id, policy, by=by, lifetime=lifetime, now=now)
    for other in await list_app_requests(db, tenant_id, most=MOST_SHOWN):
        if policy.admits(other.client_id, other.redirect_host):
            await _answer(db, other, tenant, "app_approved", "app_request.approved", by=by, now=now)


async def decline_app(
    db: DbSession, tenant_id: str, request_id: str, *, by: str | None, now: datetime
) -> None:
    """Decline a request, and tell the member.

    Raises:
        ChangeRefused: the admin may not do this, or the request is over.
    """
    request, tenant = await _require_request(db, tenant_id, request_id, by=by)
    await _answer(db, request, tenant, "app_declined", "app_request.declined", by=by, now=now)


async def _require_request(
    db: DbSession, tenant_id: str, request_id: str, *, by: str | None
) -> tuple[AppRequest, Tenant]:
    await require_admin(db, by, tenant_id)
    tenant = await lock_tenant(db, tenant_id)
    request = await find_app_request(db, request_id)
    if tenant is None or request is None or request.tenant_id != tenant_id:
        raise ChangeRefused("This request no longer exists. Another admin may have answered it.")
    return request, tenant


async def _answer(
    db: DbSession,
    request: AppRequest,
    tenant: Tenant,
    template: Template,
    event: Event,
    *,
    by: str | None,
    now: datetime,
) -> None:
    await drop_app_request(db, request)
    await _record(db, event, request, by=by, now=now)
    person = (await find_people(db, {request.person_id})).get(request.person_id)
    wanted = person is not None and is_wanted(template, person.muted_notices)
    if person is not None and wanted and person.disabled_at is None:
        values = {"app": request.client_name, "tenant": tenant.name, "path": "/account/apps"}
        await queue_mail(
            db, template, to=person.email, language=person.language, values=values, now=now
        )


async def _record(
    db: DbSession, event: Event, request: AppRequest, *, by: str | None, now: datetime
) -> None:
    entry = Audit(
        event,
        person_id=by or "",
        client_id=request.client_id,
        tenant_id=request.tenant_id,
        detail={"member": request.person_id, "redirect_host": request.redirect_host},
    )
    await record(db, entry, now=now)
