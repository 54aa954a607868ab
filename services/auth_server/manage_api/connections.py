"""/manage/v1/connections: a person's own connections, which they narrow and end here and widen nowhere.

What an agent may do grows only on pages of the authorization server, where the person sees who asks.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from auth_server.admin_api.pages import USUAL_LIMIT, After, Limit, Page
from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.paging import Slice, cut
from auth_server.administration.tenancy.connections import SubAgentView, view_sub_agent
from auth_server.db.engine import DbSession
from auth_server.manage_api.authenticate import ActingPerson, Caller
from auth_server.pages.consent.page import grant_vouched_for
from auth_server.pages.picker.offer import kind_of, titles_of_several
from auth_server.records.call_log.store import usage_of_grants
from auth_server.records.catalogues.names import held_by
from auth_server.records.catalogues.store import find_catalogue
from auth_server.records.clients.store import find_clients
from auth_server.records.grants.store import find_grant, list_live_grants
from auth_server.records.grants.table import Grant
from auth_server.tenancy.grant_contents import Offered, set_contents, store_contents, what_it_holds
from auth_server.tenancy.sub_agents import end_sub_agent, find_grant_of_sub_agent, list_sub_agents
from auth_server.tenancy.tenant_apps import end_connection
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings
from gatepost.catalogue import CatalogueDocument, ToolSummary
from gatepost.data_scope import DataScope, narrow_data_scope, parse_data_scope
from gatepost.scopes import covers, parse_scope

router = APIRouter(tags=["connections"])
_USAGE = timedelta(days=30)
_LONGEST_DATA = 4096


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class ConnectionView(_View):
    """An app that the person connected, and what they allowed it."""

    grant_id: str
    client_id: str
    client_name: str
    """As the app calls itself."""
    vouched_for: str
    """Who vouches for the name: `operator`, the host of the app's document, or nobody.

    Nobody does for a program that was connected with a code of a device and can't prove who it is.
    """
    resource: str
    service: str
    """The name of the resource."""
    kinds: dict[str, int]
    """How many of its tools `read`, `change` and `delete`."""
    data: dict[str, tuple[str, ...]]
    """The values of each kind of data that it is restricted to; empty for all that the person sees."""
    approved_at: datetime
    ends_at: datetime
    calls: int
    """In the last thirty days."""
    last_used_at: datetime | None
    by_tenant: bool
    """Whether the organisation's own provider connected the app, and not the person."""
    sub_agents: tuple[SubAgentView, ...]
    """To which the app handed a part of it, each before those below it."""


class ToolView(_View):
    """A tool of a connection."""

    name: str
    title: str
    description: str
    kind: str
    """`read`, `change` or `delete`."""
    api: str
    """The name of its API among `apis`; empty if the service has only one."""


class ApiView(_View):
    """One of the APIs of a service."""

    name: str
    title: str


class ConnectionDetail(ConnectionView):
    """A connection with everything that can be taken from it."""

    tools: tuple[ToolView, ...]
    """Without those that the organisation's rules close or the service no longer has."""
    apis: tuple[ApiView, ...]
    """The APIs of the service, in the order in which people see them; empty if it has only one."""
    choices: dict[str, tuple[str, ...]]
    """The values of each kind of data that the app reaches, from which to choose."""


class Narrowing(BaseModel):
    """What an app keeps; an absent member stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    tools: tuple[str, ...] | None = Field(default=None, min_length=1, max_length=15_000)
    """The names of the tools that it keeps, out of those that it has."""
    data: dict[str, tuple[str, ...]] | None = Field(default=None, min_length=1, max_length=100)
    """The values that it keeps of each kind of data, out of `choices`; other kinds stay as they are."""


@router.get("/connections")
async def list_connections(
    caller: Caller, db: ReadingDb, now: Clock, after: After = "", limit: Limit = USUAL_LIMIT
) -> Page[ConnectionView]:
    """List the person's connections in their organisation, by id. Requires `connections:read`."""
    caller.require("connections:read")
    found = await list_live_grants(
        db,
        person_id=caller.person_id,
        tenant_id=caller.tenant_id,
        after=after,
        most=limit + 1,
    )
    part = cut(found, limit, place=lambda grant: grant.grant_id)
    return Page.of(Slice(await _describe(part.rows, caller, db, now()), part.next))


@router.get("/connections/{grant_id}")
async def show_connection(
    caller: Caller, db: ReadingDb, now: Clock, grant_id: str
) -> ConnectionDetail:
    """Show a connection with its tools. Requires `connections:read`."""
    caller.require("connections:read")
    return await _show(await _require_own(db, caller, grant_id), caller, db, now())


@router.patch("/connections/{grant_id}")
async def narrow_connection(
    caller: Caller, db: Db, settings: Settings, now: Clock, grant_id: str, change: Narrowing
) -> ConnectionDetail:
    """Take tools or data from an app, with immediate effect. Requires `connections:write`.

    Nothing can be added here. Tools that are not listed go with the first change, as on the account
    pages.
    """
    caller.act(db, "connections:write")
    caller.require_may_act()
    grant = await _require_own(db, caller, grant_id, lock=True)
    catalogue = await find_catalogue(db, grant.resource)
    if catalogue is None:
        raise Refused(
            "grant_id", "the tools of this service are not known yet; try again in a minute"
        )
    usable, choices = (
        frozenset(t.name for t in _usable(grant, caller, catalogue)),
        _choices(grant, caller),
    )
    tools = usable if change.tools is None else frozenset(change.tools)
    if not tools or not tools <= usable:
        raise Refused("tools", "must be one or more of the tools that the connection has")
    data_scope, held = parse_data_scope(grant.data_scope), what_it_holds(grant)
    chosen = {kind: frozenset(values) for kind, values in (change.data or {}).items()}
    for kind, values in chosen.items():
        if not values or not values <= choices.get(kind, frozenset()):
            raise Refused(f"data.{kind}"[:200], "must be one or more of the values in `choices`")
    kept = DataScope({**data_scope.kinds, **chosen})
    if len(str(kept)) > _LONGEST_DATA:
        raise Refused(
            "data", "names more than a connection can hold; leave kinds out that stay as they are"
        )
    await set_contents(db, grant, tools, kept, catalogue)
    await store_contents(
        db,
        grant,
        Offered(usable, {kind: choices[kind] for kind in chosen}),
        held=held,
        by="component",
        lifetime=settings.longest_token_lifetime,
        now=now(),
    )
    return await _show(grant, caller, db, now())


@router.delete("/connections/{grant_id}", status_code=204)
async def delete_connection(
    caller: Caller, db: Db, settings: Settings, now: Clock, grant_id: str
) -> None:
    """End a connection with everything issued from it. Requires `connections:write`."""
    caller.act(db, "connections:write")
    grant = await _require_own(db, caller, grant_id)
    lifetime = settings.longest_token_lifetime
    await end_connection(db, grant, "person", lifetime=lifetime, now=now())


@router.delete("/sub-agents/{delegation_id}", status_code=204)
async def delete_sub_agent(caller: Caller, db: Db, now: Clock, delegation_id: str) -> None:
    """End a sub-agent of an app, with those below it. Requires `connections:write`."""
    caller.act(db, "connections:write")
    grant = await find_grant_of_sub_agent(db, delegation_id)
    await _require_own(db, caller, grant.grant_id if grant is not None else "")
    await end_sub_agent(db, delegation_id, "person", now=now())


async def _require_own(
    db: DbSession, caller: ActingPerson, grant_id: str, *, lock: bool = False
) -> Grant:
    grant = await find_grant(db, grant_id, lock=lock)
    # Somebody else's grant, or one in another tenant, gets the same answer as an unknown one.
    if grant is None or grant.person_id != caller.person_id or grant.tenant_id != caller.tenant_id:
        raise NotFound("this connection has ended, or it is not this person's")
    return grant


async def _describe(
    grants: Sequence[Grant], caller: ActingPerson, db: DbSession, now: datetime
) -> list[ConnectionView]:
    """Describe those of the grants that are not over."""
    grant_ids = [grant.grant_id for grant in grants]
    usage = await usage_of_grants(db, grant_ids, now - _USAGE)
    agents = await list_sub_agents(db, grant_ids, now=now)
    catalogues = {
        resource: await find_catalogue(db, resource)
        for resource in {grant.resource for grant in grants}
    }
    clients = await find_clients(db, [grant.client_id for grant in grants])
    # Of many connections to a large service, this takes longer than a request may hold the event loop.
    kinds = await run_in_threadpool(
        lambda: [
            Counter(kind_of(tool) for tool in _usable(grant, caller, catalogues[grant.resource]))
            for grant in grants
        ]
    )
    found = []
    for grant, counted in zip(grants, kinds, strict=True):
        catalogue = catalogues[grant.resource]
        client = clients.get(grant.client_id)
        used = usage.get(grant.grant_id)
        latest = caller.membership.policy.latest_end(grant.approved_at) or grant.expires_at
        data = parse_data_scope(grant.data_scope).kinds
        found.append(
            ConnectionView(
                grant_id=grant.grant_id,
                client_id=grant.client_id,
                client_name=str(grant.client_snapshot.get("name") or grant.client_id),
                vouched_for=grant_vouched_for(grant, client) or "",
                resource=grant.resource,
                service=grant.resource if catalogue is None else catalogue.name,
                kinds=counted,
                data={kind: tuple(sorted(values)) for kind, values in data.items()},
                approved_at=grant.approved_at,
                ends_at=min(grant.expires_at, latest),
                calls=0 if used is None else used.calls,
                last_used_at=None if used is None else used.last_used,
                by_tenant=grant.by_tenant,
                sub_agents=tuple(map(view_sub_agent, agents[grant.grant_id])),
            )
        )
    # Maintenance revokes expired grants within a minute.
    return [one for one in found if one.ends_at > now]


async def _show(
    grant: Grant, caller: ActingPerson, db: DbSession, now: datetime
) -> ConnectionDetail:
    described = await _describe([grant], caller, db, now)
    if not described:
        raise NotFound("this connection has ended, or it is not this person's")
    catalogue = await find_catalogue(db, grant.resource)
    usable = _usable(grant, caller, catalogue)
    titles = {} if catalogue is None else titles_of_several(catalogue)

    def detail() -> ConnectionDetail:
        tools = (
            ToolView(
                name=tool.name,
                title=tool.title,
                description=tool.description,
                kind=kind_of(tool),
                api=tool.api if tool.api in titles else "",
            )
            for tool in usable
        )
        return ConnectionDetail(
            **dict(described[0]),
            tools=tuple(tools),
            apis=tuple(ApiView(name=name, title=title) for name, title in titles.items()),
            choices={
                kind: tuple(sorted(values)) for kind, values in _choices(grant, caller).items()
            },
        )

    return await run_in_threadpool(detail)


def _usable(
    grant: Grant, caller: ActingPerson, catalogue: CatalogueDocument | None
) -> list[ToolSummary]:
    """List the tools of a grant that the service has, its scopes cover and the tenant allows."""
    if catalogue is None:
        return []
    names, held = held_by(catalogue, grant.tools, grant.apis), parse_scope(grant.scope)
    within = {scope for scope in {tool.scope for tool in catalogue.tools} if covers(held, scope)}
    read_only = caller.membership.policy.read_only
    return [
        tool
        for tool in catalogue.tools
        if tool.name in names and (tool.read_only or not read_only) and tool.scope in within
    ]


def _choices(grant: Grant, caller: ActingPerson) -> Mapping[str, frozenset[str]]:
    """Return the data that a grant reaches now, which no choice here goes beyond."""
    reached = narrow_data_scope(caller.membership.data_scope, parse_data_scope(grant.data_scope))
    return {} if reached is None else reached.kinds
