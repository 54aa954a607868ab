"""List and end the connections of a tenant's members."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import Slice, cut
from auth_server.administration.tenancy.require import require_tenant
from auth_server.db.engine import DbSession
from auth_server.records.clients.store import list_client_names
from auth_server.records.grants.store import find_grant, list_live_grants
from auth_server.records.people.store import find_people
from auth_server.revocations.revoke import revoke_grant

_REASON = "an operator ended it"


class TenantConnectionView(BaseModel):
    """An app that a member connected, and what they allowed it."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    grant_id: str
    client_id: str
    client_name: str
    person_id: str
    person_name: str
    resource: str
    scope: str
    tools: tuple[str, ...]
    data_scope: str
    """The data that it reaches; empty for all that the person sees."""
    redirect_host: str
    """Where the client's authorization codes go."""
    approved_at: datetime
    expires_at: datetime


async def read_connections(
    db: DbSession, operator: ActingOperator, tenant_id: str, *, after: str = "", limit: int
) -> Slice[TenantConnectionView]:
    """List the live connections in a tenant by id.

    Raises:
        Forbidden: `tenants:read` is missing.
        NotFound: the tenant does not exist.
    """
    operator.require("tenants:read")
    await require_tenant(db, tenant_id)
    found = await list_live_grants(db, tenant_id=tenant_id, after=after, most=limit + 1)
    part = cut(found, limit, place=lambda grant: grant.grant_id)
    names = await list_client_names(db, {grant.client_id for grant in part.rows})
    people = await find_people(db, {grant.person_id for grant in part.rows})
    views = [
        TenantConnectionView(
            grant_id=grant.grant_id,
            client_id=grant.client_id,
            client_name=names.get(grant.client_id, grant.client_id),
            person_id=grant.person_id,
            person_name=people[grant.person_id].known_as,
            resource=grant.resource,
            scope=grant.scope,
            tools=tuple(grant.tools),
            data_scope=grant.data_scope,
            redirect_host=grant.redirect_host,
            approved_at=grant.approved_at,
            expires_at=grant.expires_at,
        )
        for grant in part.rows
    ]
    return Slice(views, part.next)


async def end_connection(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    grant_id: str,
    *,
    lifetime: timedelta,
    now: datetime,
) -> None:
    """End a connection and its tokens; the person has to connect the app again.

    Raises:
        Forbidden: `tenants:write` is missing.
        NotFound: the tenant has no such live connection.
    """
    operator.act(db, "tenants:write")
    grant = await find_grant(db, grant_id, lock=True)
    is_ours = grant is not None and grant.tenant_id == tenant_id
    if not is_ours or not await revoke_grant(db, grant_id, _REASON, lifetime=lifetime, now=now):
        raise NotFound(f"the tenant {tenant_id[:200]} has no connection {grant_id[:200]}")
