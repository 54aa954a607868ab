"""List and end the connections of a tenant's members."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import Slice, cut
from auth_server.administration.tenancy.require import require_tenant
from auth_server.db.engine import DbSession
from auth_server.records.clients.store import list_client_names
from auth_server.records.grants.store import find_grant, list_live_grants
from auth_server.records.grants.table import Grant
from auth_server.records.people.store import find_people
from auth_server.tenancy.sub_agents import (
    SubAgent,
    end_sub_agent,
    find_grant_of_sub_agent,
    list_sub_agents,
)
from auth_server.tenancy.tenant_apps import end_connection as end_connection_of


class SubAgentView(BaseModel):
    """A sub-agent to which an app handed a part of a connection."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    delegation_id: str
    above: str
    """The delegation of the sub-agent that handed it on; empty if the app did."""
    depth: int
    """1 below the app, and one more for each sub-agent above it."""
    name: str
    """The name of its client, or the one that the app gave it."""
    actor: str
    """As tokens and calls name it: its client, or the app's client, `#` and the name."""
    scope: str
    tools: tuple[str, ...]
    data_scope: str
    created_at: datetime
    expires_at: datetime
    """When its newest token expires."""


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
    by_tenant: bool
    """Whether the tenant's own provider connected the app, and not the member."""
    sub_agents: tuple[SubAgentView, ...]
    """Those that have neither ended nor expired, each before those below it."""


def view_sub_agent(one: SubAgent) -> SubAgentView:
    """Show a sub-agent to operators."""
    each = one.delegation
    return SubAgentView(
        delegation_id=each.delegation_id,
        above=one.above,
        depth=one.depth,
        name=each.name,
        actor=each.actor,
        scope=each.scope,
        tools=tuple(each.tools),
        data_scope=each.data_scope,
        created_at=each.created_at,
        expires_at=each.expires_at,
    )


async def read_connections(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    *,
    after: str = "",
    limit: int,
    now: datetime,
) -> Slice[TenantConnectionView]:
    """List the live connections in a tenant by id, with their sub-agents.

    Raises:
        Forbidden: `tenants:read` is missing.
        NotFound: the tenant does not exist.
    """
    operator.require("tenants:read")
    await require_tenant(db, tenant_id)
    found = await list_live_grants(db, tenant_id=tenant_id, after=after, most=limit + 1)
    part = cut(found, limit, place=lambda grant: grant.grant_id)
    return Slice(await view_connections(db, part.rows, now=now), part.next)


async def view_connections(
    db: DbSession, grants: Sequence[Grant], *, now: datetime
) -> list[TenantConnectionView]:
    """Describe live grants, with their sub-agents."""
    names = await list_client_names(db, {grant.client_id for grant in grants})
    agents = await list_sub_agents(db, [grant.grant_id for grant in grants], now=now)
    people = await find_people(db, {grant.person_id for grant in grants})
    return [
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
            by_tenant=grant.by_tenant,
            sub_agents=tuple(map(view_sub_agent, agents[grant.grant_id])),
        )
        for grant in grants
    ]


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
    if grant is None or grant.tenant_id != tenant_id:
        raise NotFound(f"the tenant {tenant_id[:200]} has no connection {grant_id[:200]}")
    await end_connection_of(db, grant, "operator", lifetime=lifetime, now=now)


async def end_tenant_sub_agent(
    db: DbSession, operator: ActingOperator, tenant_id: str, delegation_id: str, *, now: datetime
) -> None:
    """End a sub-agent with those below it; the app can't begin it again by itself.

    Raises:
        Forbidden: `tenants:write` is missing.
        NotFound: no live connection of the tenant has such a live sub-agent.
    """
    operator.act(db, "tenants:write")
    grant = await find_grant_of_sub_agent(db, delegation_id)
    if (
        grant is None
        or grant.tenant_id != tenant_id
        or not await end_sub_agent(db, delegation_id, "operator", now=now)
    ):
        raise NotFound(f"the tenant {tenant_id[:200]} has no sub-agent {delegation_id[:200]}")
