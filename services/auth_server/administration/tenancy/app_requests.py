"""The apps that members of a tenant ask for: list, approve and decline them."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound
from auth_server.administration.operator import ActingOperator
from auth_server.db.engine import DbSession
from auth_server.records.app_requests.store import list_app_requests
from auth_server.records.people.store import find_people
from auth_server.records.tenants.policy import entry_of
from auth_server.records.tenants.store import lock_tenant
from auth_server.tenancy.app_requests import MOST_SHOWN, approve_app, decline_app
from auth_server.tenancy.change_policy import ChangeRefused


class AppRequestView(BaseModel):
    """An app that a member wants to connect."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    request_id: str
    person_id: str
    person_name: str
    client_id: str
    client_name: str
    vouched_for: str
    """Who vouches for the name: `operator`, the host of the client's document, or nobody."""
    entry: str
    """What approval adds to the tenant's list of allowed clients: a host, or the client's id."""
    note: str
    asked_at: datetime


async def read_app_requests(
    db: DbSession, operator: ActingOperator, tenant_id: str
) -> list[AppRequestView]:
    """List the open requests in a tenant, the oldest first, at most 100.

    Raises:
        Forbidden: `tenants:read` is missing.
        NotFound: the tenant does not exist.
    """
    operator.require("tenants:read")
    if await lock_tenant(db, tenant_id) is None:
        raise NotFound(f"the tenant {tenant_id[:200]} does not exist")
    rows = await list_app_requests(db, tenant_id, most=MOST_SHOWN)
    people = await find_people(db, {row.person_id for row in rows})
    return [
        AppRequestView(
            request_id=row.request_id,
            person_id=row.person_id,
            person_name=people[row.person_id].known_as,
            client_id=row.client_id,
            client_name=row.client_name,
            vouched_for=row.vouched_for,
            entry=entry_of(row.client_id, row.redirect_host),
            note=row.note,
            asked_at=row.asked_at,
        )
        for row in rows
    ]


async def answer_app_request(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    request_id: str,
    approved: bool,
    *,
    lifetime: timedelta,
    now: datetime,
) -> None:
    """Allow a requested app for all members, or decline it; the member is told by mail.

    Args:
        db: the open transaction.
        operator: who answers.
        tenant_id: the tenant.
        request_id: the request.
        approved: whether the app is allowed.
        lifetime: how long access tokens live.
        now: the time.

    Raises:
        Forbidden: `tenants:write` is missing.
        NotFound: the tenant has no such request, or its list of clients is full.
    """
    operator.act(db, "tenants:write")
    try:
        if approved:
            await approve_app(db, tenant_id, request_id, by=None, lifetime=lifetime, now=now)
        else:
            await decline_app(db, tenant_id, request_id, by=None, now=now)
    except ChangeRefused as error:
        raise NotFound(str(error)) from None
