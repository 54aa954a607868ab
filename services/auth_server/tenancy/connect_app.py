"""Connect an app for a member, as the tenant's own identity provider asserts."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from auth_server.db.engine import DbSession
from auth_server.records.audit.store import record
from auth_server.records.catalogues.names import held_by, note_apis
from auth_server.records.clients.table import Client
from auth_server.records.grants.store import find_live_grant, put_grant
from auth_server.records.grants.table import Grant
from auth_server.records.tenant_apps.store import add_choice, lock_choice
from auth_server.records.tenant_apps.table import AppChoice, TenantApp
from auth_server.revocations.revoke import outdate_grant
from auth_server.tenancy.grant_contents import audit_of, what_it_holds
from auth_server.tenancy.group_ceilings import GroupsUntold, find_ceiling
from gatepost.catalogue import CatalogueDocument
from gatepost.data_scope import narrow_data_scope, parse_data_scope
from gatepost.scopes import format_scope

KEPT = timedelta(days=30)
"""How long a connection stays in the list after the last assertion."""


class NotConnected(Exception):
    """The app is not connected for the person; the message tells the client's developer why."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """What the tenant's provider asserts: who uses which client, and their groups.

    `groups` is None if the provider did not tell them.
    """

    person_id: str
    client: Client
    groups: Collection[str] | None
    provider: str


async def propose_grant(
    db: DbSession,
    app: TenantApp,
    asserted: Assertion,
    catalogue: CatalogueDocument,
    requestable: Collection[str],
    *,
    resource: str,
    grant_id: str,
    now: datetime,
) -> Grant:
    """Make the grant that an assertion allows: the tenant's ceiling without what the person left out.

    It is not stored yet.

    Args:
        db: the open transaction.
        app: the tenant's app.
        asserted: the provider's assertion.
        catalogue: the newest catalogue of the resource.
        requestable: the scopes of the resource. The tenant has decided about all of them, so the
            person is not asked for more (`StepUp`).
        resource: the app's resource, or the tenant's address there.
        grant_id: a new id, which is used only if the connection is new.
        now: the time.

    Raises:
        NotConnected: the tenant allows the person nothing, or the connection was ended.
    """
    try:
        ceiling = await find_ceiling(db, app, asserted.person_id, asserted.groups)
    except GroupsUntold:
        raise NotConnected(
            "the provider left out the person's groups, because they are too many; "
            "let it send only the groups that this app needs"
        ) from None
    if ceiling is None:
        raise NotConnected("the organisation does not connect this app for the person's groups")
    choice = await _lock_choice(db, app, asserted)
    if choice.ended_at is not None:
        who = "the person" if choice.ended_by == "person" else "the organisation"
        raise NotConnected(f"{who} ended this connection, and has to allow it again")
    ceiling_tools = held_by(catalogue, ceiling.tools, ceiling.apis)
    offered = frozenset(tool.name for tool in catalogue.tools) & ceiling_tools
    choice.ceiling_tools, choice.ceiling_data_scope = sorted(offered), ceiling.data_scope
    choice.ceiling_apis = note_apis(catalogue, offered, catalogue)
    choice.groups = None if asserted.groups is None else sorted(asserted.groups)
    # Kept under the present name, because the gateway forgets former ones.
    choice.declined = sorted(catalogue.follow_renamed(choice.declined))
    tools = offered - frozenset(choice.declined)
    data_scope = narrow_data_scope(
        parse_data_scope(ceiling.data_scope), parse_data_scope(choice.data_scope)
    )
    if not tools or data_scope is None:
        raise NotConnected("the organisation and the person allow nothing in common")
    return Grant(
        grant_id=grant_id,
        person_id=asserted.person_id,
        client_id=app.client_id,
        tenant_id=app.tenant_id,
        resource=resource,
        scope=format_scope({tool.scope for tool in catalogue.tools if tool.name in tools}),
        asked_scope=format_scope(requestable),
        tools=sorted(tools),
        apis=note_apis(catalogue, tools, catalogue),
        data_scope=str(data_scope),
        redirect_host="",
        provider=asserted.provider,
        client_snapshot={"name": asserted.client.name, "source": asserted.client.source},
        catalogue_hash=catalogue.hash,
        created_at=now,
        updated_at=now,
        approved_at=now,
        expires_at=now + KEPT,
        by_tenant=True,
    )


async def keep_grant(db: DbSession, new: Grant, *, lifetime: timedelta, now: datetime) -> Grant:
    """Store a proposed grant, or bring the live one up to date with it.

    Access tokens with more than the grant now has are revoked.

    Args:
        db: the open transaction.
        new: the grant from `propose_grant`.
        lifetime: how long access tokens live.
        now: the time.
    """
    live = await find_live_grant(
        db,
        person_id=new.person_id,
        client_id=new.client_id,
        tenant_id=new.tenant_id,
        resource=new.resource,
        by_tenant=True,
        lock=True,
    )
    held = what_it_holds(live) if live is not None else frozenset()
    if live is not None and held == what_it_holds(new) and live.provider == new.provider:
        live.approved_at, live.expires_at = now, new.expires_at
        live.asked_scope, live.catalogue_hash = new.asked_scope, new.catalogue_hash
        await db.flush()
        return live
    grant = await put_grant(db, new)
    if not held <= what_it_holds(grant):
        await outdate_grant(db, grant.grant_id, grant.version, lifetime=lifetime, now=now)
    await record(db, audit_of(grant, by="the organisation's provider"), now=now)
    return grant


async def _lock_choice(db: DbSession, app: TenantApp, asserted: Assertion) -> AppChoice:
    known = await lock_choice(
        db,
        person_id=asserted.person_id,
        tenant_id=app.tenant_id,
        client_id=app.client_id,
        resource=app.resource,
    )
    if known is not None:
        return known
    new = AppChoice(
        person_id=asserted.person_id,
        tenant_id=app.tenant_id,
        client_id=app.client_id,
        resource=app.resource,
        client_name=asserted.client.name,
        ceiling_tools=[],
    )
    return await add_choice(db, new)
