"""Search the call log, and tell the story of one call."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import read_place, write_place
from auth_server.administration.reasons import explain
from auth_server.catalogues.callers import list_caller_names
from auth_server.db.engine import Database, DbSession
from auth_server.records.api_keys.store import find_key_by_id
from auth_server.records.call_log.search import CallFilter, CallPlace, find_call, search_calls
from auth_server.records.call_log.table import LoggedCall
from auth_server.records.catalogues.names import Apis, keep_own
from auth_server.records.catalogues.store import find_catalogue
from auth_server.records.grants.store import find_ended_or_live_grant
from auth_server.records.ledger.store import find_entries
from auth_server.records.people.store import find_people, resolve_person_id
from auth_server.records.people.table import Person
from auth_server.records.tenants.store import list_tenant_names
from auth_server.records.usage_exports.store import list_exports_of_hour
from gatepost.metering.plans import hour_of

MOST_EXPORTED = 100_000
"""The most calls in one download."""
_AT_ONCE = 500
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class CallView(_Value):
    """A tool call as the console and the admin API show it, without its arguments."""

    call_id: str
    at: datetime
    tenant_id: str
    tenant_name: str
    """The names are empty if nothing of this id exists any more."""
    person_id: str
    """The person, or the client of a call without a person."""
    person_name: str
    client_id: str
    client_name: str
    grant_id: str
    """The grant or API key that allowed the call."""
    env: str
    plan: str
    tool: str
    tool_version: str
    outcome: str
    """`success`, `error`, `refused` or `unknown`."""
    reason: str
    explanation: str
    """The reason in words."""
    error: str
    """The gateway's own description of the error."""
    status: int | None
    """The HTTP status of the API, if it answered."""
    duration_ms: float
    upstream_ms: float
    retries: int
    bytes_in: int
    bytes_out: int
    units: int
    meter: str
    counted: bool
    """False if the call passed while the gateway could not count it."""
    era: str
    resource: str
    request_id: str
    trace_id: str
    """The trace that recorded the call, if one did."""
    actor: str
    """The sub-agent that called for the client: its client, or `client_id`, `#` and a name."""
    api: str
    """The API of the tool among several; empty if the gateway has only one."""
    calls_made: int
    """The calls of other tools that a composite tool made; 0 for every other tool."""


class AccessView(_Value):
    """What allowed a call: a person's consent, or an API key."""

    kind: Literal["grant", "api_key"]
    name: str
    """The label of an API key."""
    person_name: str
    created_at: datetime
    approved_at: datetime | None
    """When the person last approved the app."""
    version: int | None
    """How often a grant was changed, from 1."""
    scope: str
    tools: tuple[str, ...]
    includes_tool: bool
    """Whether the tools include the one of the call, as the latest catalogue has them."""
    data_scope: str
    expires_at: datetime | None
    ended_at: datetime | None
    ended_reason: str


class LedgerView(_Value):
    """The ledger's entry of a call."""

    units: int
    meter: str
    written_at: datetime


class ExportView(_Value):
    """An export of the units of the call's hour, which becomes a line of the invoice."""

    identifier: str
    system: str
    state: str
    units: int
    at: datetime
    confirmed_at: datetime | None
    problem: str


class CallStory(_Value):
    """One call, from the consent to the invoice."""

    call: CallView
    access: AccessView | None
    """Null if the grant or key no longer exists."""
    ledger: LedgerView | None
    """Null if the call cost nothing."""
    exports: tuple[ExportView, ...]


@dataclass(frozen=True, slots=True)
class CallQuery:
    """Which calls are wanted; what is empty matches every call."""

    tenant: str = ""
    person: str = ""
    """An id or an e-mail address."""
    client: str = ""
    tool: str = ""
    outcome: str = ""
    reason: str = ""
    since: datetime | None = None
    until: datetime | None = None
    after: str = ""
    api: str = ""


@dataclass(frozen=True, slots=True)
class CallPage:
    """Some calls, the newest first.

    Attributes:
        rows: the calls.
        next: the place where the following page begins; empty at the end.
        is_partial: whether the search stopped before it had enough, to stay fast.
        searched_until: the earliest time that a partial search read.
    """

    rows: Sequence[CallView]
    next: str = ""
    is_partial: bool = False
    searched_until: datetime | None = None


async def read_calls(
    db: DbSession, operator: ActingOperator, query: CallQuery, *, limit: int, now: datetime
) -> CallPage:
    """Search the call log, the newest calls first.

    Raises:
        Forbidden: `calls:read` is missing.
        Refused: `after` is not the `next` of another page.
    """
    operator.require("calls:read")
    person = await resolve_person_id(db, query.person)
    calls = await search_calls(
        db,
        CallFilter(
            tenant_id=query.tenant,
            sub=person,
            client_id=query.client,
            tool=query.tool,
            api=query.api,
            outcome=query.outcome,
            reason=query.reason,
        ),
        since=query.since or _EVER,
        before=CallPlace(*(read_place(query.after) or (query.until or now, "\U0010ffff"))),
        most=limit,
    )
    return CallPage(
        await _view_all(db, calls.calls),
        write_place(calls.next.at, calls.next.call_id) if calls.next else "",
        calls.is_partial,
        calls.next.at if calls.is_partial and calls.next else None,
    )


async def export_calls(
    database: Database, operator: ActingOperator, query: CallQuery, *, now: datetime
) -> AsyncIterator[Sequence[CallView]]:
    """Yield the calls that match, in batches, at most `MOST_EXPORTED`.

    Raises:
        Forbidden: `calls:read` is missing.
    """
    operator.require("calls:read")
    left = MOST_EXPORTED
    while left > 0:
        # Each batch has a session of its own, because a slow reader must not keep one open.
        async with database.reading() as db:
            limit = min(_AT_ONCE, left)
            page = await read_calls(db, operator, query, limit=limit, now=now)
        yield page.rows
        if not page.next:
            return
        left -= len(page.rows)
        query = replace(query, after=page.next)


async def read_call(db: DbSession, operator: ActingOperator, call_id: str) -> CallStory:
    """Tell what allowed a call, what happened, and what it cost.

    Raises:
        Forbidden: `calls:read` is missing.
        NotFound: the call is not in the call log.
    """
    operator.require("calls:read")
    call = await find_call(db, call_id) if len(call_id) <= 64 else None
    if call is None:
        raise NotFound(f"the call {call_id[:64]} is not in the call log")
    [view] = await _view_all(db, [call])
    entries = await find_entries(db, {call.call_id: call.at})
    ledger, exports = None, []
    if entries:
        entry = entries[0]
        ledger = LedgerView(units=entry.units, meter=entry.meter, written_at=entry.written_at)
        hour = hour_of(call.at)
        exports = [
            ExportView.model_validate(one, from_attributes=True)
            for one in await list_exports_of_hour(db, call.tenant_id, entry.meter, hour)
        ]
    access = await _find_access(db, call)
    return CallStory(call=view, access=access, ledger=ledger, exports=tuple(exports))


async def _find_access(db: DbSession, call: LoggedCall) -> AccessView | None:
    grant = await find_ended_or_live_grant(db, call.grant_id)
    if grant is not None:
        people = await find_people(db, [grant.person_id])
        return AccessView(
            kind="grant",
            name="",
            person_name=_name(people, grant.person_id),
            created_at=grant.created_at,
            approved_at=grant.approved_at,
            version=grant.version,
            scope=grant.scope,
            tools=tuple(grant.tools),
            includes_tool=await _includes(db, call, grant.tools, grant.apis),
            data_scope=grant.data_scope,
            expires_at=grant.expires_at,
            ended_at=grant.revoked_at,
            ended_reason=grant.revoked_reason or "",
        )
    key = await find_key_by_id(db, call.grant_id)
    if key is None:
        return None
    people = await find_people(db, [key.person_id])
    return AccessView(
        kind="api_key",
        name=key.label,
        person_name=_name(people, key.person_id),
        created_at=key.created_at,
        approved_at=None,
        version=None,
        scope=key.scope,
        tools=tuple(key.tools),
        includes_tool=await _includes(db, call, key.tools, key.apis),
        data_scope=key.data_scope,
        expires_at=key.expires_at,
        ended_at=key.revoked_at,
        ended_reason="",
    )


async def _includes(db: DbSession, call: LoggedCall, tools: Sequence[str], apis: Apis) -> bool:
    """Return whether the tools of a grant or key, which may be toolsets, include the call's."""
    catalogue = await find_catalogue(db, call.resource)
    if catalogue is None:
        return call.tool in tools
    return call.tool in catalogue.group_tools().expand(keep_own(tools, apis, catalogue.taken))


async def _view_all(db: DbSession, calls: Sequence[LoggedCall]) -> list[CallView]:
    people = await find_people(db, {call.sub for call in calls})
    clients = await list_caller_names(db, {call.client_id for call in calls})
    tenants = await list_tenant_names(db, {call.tenant_id for call in calls})
    return [
        CallView(
            call_id=call.call_id,
            at=call.at,
            tenant_id=call.tenant_id,
            tenant_name=tenants.get(call.tenant_id, ""),
            person_id=call.sub,
            person_name=_name(people, call.sub),
            client_id=call.client_id,
            client_name=clients.get(call.client_id, ""),
            grant_id=call.grant_id,
            env=call.env,
            plan=call.tier,
            tool=call.tool,
            tool_version=call.tool_version,
            outcome=call.outcome,
            reason=call.reason,
            explanation=explain(call.reason),
            error=call.error,
            status=call.status,
            duration_ms=call.duration_ms,
            upstream_ms=call.upstream_ms,
            retries=call.retries,
            bytes_in=call.bytes_in,
            bytes_out=call.bytes_out,
            units=call.cost,
            meter=call.meter,
            counted=call.counted,
            era=call.era,
            resource=call.resource,
            request_id=call.request_id,
            trace_id=call.trace_id,
            actor=call.actor,
            api=call.api,
            calls_made=call.calls_made,
        )
        for call in calls
    ]


def _name(people: Mapping[str, Person], person_id: str) -> str:
    return people[person_id].name if person_id in people else ""
