"""Let a tenant's own identity provider connect apps for members, up to a ceiling (A148).

What the tenant allows is the most: members leave tools and data out, or end the connection, and the
next assertion of the provider does not undo that.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from auth_server.client_documents.url import UnusableClientUrl, looks_like_url, require_client_url
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.catalogues.names import note_apis
from auth_server.records.catalogues.store import find_catalogue
from auth_server.records.clients.store import find_client
from auth_server.records.grants.store import list_live_grants
from auth_server.records.grants.table import Grant
from auth_server.records.tenant_apps.store import (
    drop_tenant_app,
    find_tenant_app,
    list_tenant_apps,
    lock_choice,
    put_tenant_app,
)
from auth_server.records.tenant_apps.table import AppCeiling, AppChoice, TenantApp
from auth_server.records.tenant_providers.store import find_provider
from auth_server.records.tenants.store import lock_tenant
from auth_server.revocations.revoke import outdate_tokens, revoke_grant
from auth_server.tenancy.change_policy import ChangeRefused, require_admin
from gatepost.allowed_tools import MalformedAllowedTools, parse_allowed_tools
from gatepost.catalogue import CatalogueDocument
from gatepost.data_scope import DataScope, MalformedDataScope, parse_data_scope
from gatepost.network.organisation_address import organisation_address

MOST_APPS, MOST_CEILINGS, LONGEST_GROUP = 50, 20, 200
EndedBy = Literal["person", "admin", "operator"]
_REASONS: dict[EndedBy, str] = {
    "person": "ended by the person",
    "admin": "ended by an admin of the tenant",
    "operator": "an operator ended it",
}
_NOT_CONNECTED = "the organisation no longer connects this app"


@dataclass(frozen=True, slots=True)
class AppKey:
    """The app that a tenant connects to a gateway."""

    tenant_id: str
    client_id: str
    resource: str


async def set_tenant_app(
    db: DbSession,
    key: AppKey,
    ceilings: Sequence[AppCeiling],
    *,
    issuers: Collection[str],
    by: str | None,
    lifetime: timedelta,
    now: datetime,
) -> TenantApp:
    """Let the tenant's provider connect an app for members, or change what it may do at most.

    Args:
        db: the open transaction.
        key: the tenant, the app and the gateway. The app is a managed client, or the URL of its
            document.
        ceilings: the most that it may do for each group, in order; their tools may be toolsets.
        issuers: the names of the providers whose issuer no other provider in the settings has.
        by: the admin; None for an operator.
        lifetime: how long access tokens live.
        now: the time.

    Raises:
        ChangeRefused: the person is not an admin, the tenant has no provider of its own, or a value
            is invalid.
    """
    tenant_id, client_id, resource = key.tenant_id, key.client_id, key.resource
    await require_admin(db, by, tenant_id)
    await lock_tenant(db, tenant_id)
    own = await find_provider(db, tenant_id)
    if own is None:
        raise ChangeRefused("The organisation has no identity provider of its own.")
    if own.provider not in issuers:
        raise ChangeRefused(
            "Another organisation's provider has the same issuer, so its assertions can't be told apart."
        )
    await _require_client(db, client_id)
    catalogue = await find_catalogue(db, resource)
    if catalogue is None:
        raise ChangeRefused("The tools of this service are not known yet. Try again in a minute.")
    if not 1 <= len(ceilings) <= MOST_CEILINGS:
        raise ChangeRefused("Name 1 to 20 groups, each with its tools.")
    read = [_require_ceiling(one, catalogue) for one in ceilings]
    groups = [one.group for one in read]
    if len(set(groups)) != len(groups) or "" in groups[:-1]:
        raise ChangeRefused("Name each group once. The line for everybody else must be the last.")
    known = await find_tenant_app(db, tenant_id, client_id, resource)
    if known is None and len(await list_tenant_apps(db, tenant_id)) >= MOST_APPS:
        raise ChangeRefused("An organisation can connect 50 apps. Remove one of them first.")
    app = TenantApp(
        tenant_id=tenant_id,
        client_id=client_id,
        resource=resource,
        provider=own.provider,
        ceilings=[_write_ceiling(one) for one in read],
        changed_at=now,
    )
    if known is not None and known.ceilings == app.ceilings and known.provider == own.provider:
        return known
    await put_tenant_app(db, app)
    lines = [
        f"{one.group or '*'}: {' '.join(sorted(one.tools))} {one.data_scope}".strip()
        for one in read
    ]
    set_ = Audit(
        "tenant_app.set",
        person_id=by or "",
        client_id=client_id,
        tenant_id=tenant_id,
        detail={"resource": resource, "ceilings": lines},
    )
    await record(db, set_, now=now)
    if known is not None:
        # An assertion brings the new ceiling; without one, the old ceiling must not last. Assertions may
        # have come while this waited for the tenant.
        grants = await list_live_grants(db, tenant_id=tenant_id, client_id=client_id)
        latest = max([now, *(grant.approved_at for grant in grants)])
        await outdate_tokens(db, "tenant", tenant_id, lifetime=lifetime, now=latest)
    return app


async def end_tenant_app(
    db: DbSession,
    key: AppKey,
    *,
    by: str | None,
    lifetime: timedelta,
    now: datetime,
) -> bool:
    """Stop connecting an app, and end the connections that the provider made; return whether it was on.

    Raises:
        ChangeRefused: the person is not an admin of the tenant.
    """
    tenant_id, client_id, resource = key.tenant_id, key.client_id, key.resource
    await require_admin(db, by, tenant_id)
    await lock_tenant(db, tenant_id)
    app = await find_tenant_app(db, tenant_id, client_id, resource)
    if app is None:
        return False
    grants = await list_live_grants(db, tenant_id=tenant_id, client_id=client_id, lock=True)
    addresses = (resource, organisation_address(resource, tenant_id))
    made = [one.grant_id for one in grants if one.by_tenant and one.resource in addresses]
    await drop_tenant_app(db, app)
    for grant_id in made:
        await revoke_grant(db, grant_id, _NOT_CONNECTED, lifetime=lifetime, now=now)
    ended = Audit(
        "tenant_app.ended",
        person_id=by or "",
        client_id=client_id,
        tenant_id=tenant_id,
        detail={"resource": resource, "connections": len(made)},
    )
    await record(db, ended, now=now)
    return True


async def end_connection(
    db: DbSession, grant: Grant, ended_by: EndedBy, *, lifetime: timedelta, now: datetime
) -> bool:
    """End one connection; return whether this call did so.

    If the tenant's provider made it, it stays ended: only the person, or an admin if one ended it,
    lets the provider connect the app again (`allow_again`).
    """
    if grant.by_tenant:
        choice = await _lock_choice_of(db, grant)
        # The member must not take over what an admin ended at the same moment.
        if choice is not None and (choice.ended_at is None or ended_by != "person"):
            choice.ended_at, choice.ended_by = now, ended_by
            await db.flush()
    return await revoke_grant(db, grant.grant_id, _REASONS[ended_by], lifetime=lifetime, now=now)


async def allow_again(
    db: DbSession,
    choice: AppChoice,
    *,
    by: str,
    now: datetime,
) -> None:
    """Let the tenant's provider connect an app for a person again, with what they left out before.

    Args:
        db: the open transaction.
        choice: the member's choice, locked.
        by: the person, or an admin of the tenant.
        now: the time.

    Raises:
        ChangeRefused: an admin or an operator ended it, and `by` is not an admin of the tenant; or
            the person ended it, and `by` is somebody else.
    """
    if choice.ended_at is None:
        return
    if choice.ended_by != "person":
        await require_admin(db, by, choice.tenant_id)
    elif by != choice.person_id:
        raise ChangeRefused("The member ended this connection. Only they can allow it again.")
    choice.ended_at = choice.ended_by = None
    await db.flush()
    allowed = Audit(
        "tenant_app.allowed_again",
        person_id=by,
        client_id=choice.client_id,
        tenant_id=choice.tenant_id,
        detail={"member": choice.person_id, "client_name": choice.client_name},
    )
    await record(db, allowed, now=now)


async def leave_out(
    db: DbSession, grant: Grant, *, tools: frozenset[str], data: Mapping[str, frozenset[str]]
) -> None:
    """Keep what a member just left out of a tenant's connection, for the next assertion.

    What was not offered stays as it is: the member did not decide about it.

    Args:
        db: the open transaction.
        grant: the connection, with the member's choice.
        tools: the offered tools.
        data: the offered values of each kind of data.
    """
    choice = await _lock_choice_of(db, grant)
    if choice is not None:
        catalogue = await find_catalogue(db, grant.resource)
        before = frozenset(choice.declined)
        if catalogue is not None:
            before = catalogue.follow_renamed(before)
        choice.declined = sorted((before - tools) | (tools - frozenset(grant.tools)))
        chosen = parse_data_scope(grant.data_scope)
        choice.data_scope = str(_restrict(parse_data_scope(choice.data_scope), chosen, data))
        await db.flush()


def _restrict(
    before: DataScope, chosen: DataScope, offered: Mapping[str, frozenset[str]]
) -> DataScope:
    """Return a member's own restriction after a choice: without what they left out, now or before."""
    kinds = {}
    for kind, values in chosen.kinds.items():
        shown = offered.get(kind, frozenset())
        if kind in before.kinds:
            kinds[kind] = (before.kinds[kind] - shown) | values
        elif not shown <= values:
            kinds[kind] = values
    return DataScope(kinds)


async def _require_client(db: DbSession, client_id: str) -> None:
    if looks_like_url(client_id):
        try:
            require_client_url(client_id, allow_loopback=True)
        except UnusableClientUrl as error:
            raise ChangeRefused(
                "The app's ID is not a URL that can be that of a metadata document."
            ) from error
        return
    client = await find_client(db, client_id)
    if client is None or client.source != "managed":
        raise ChangeRefused(
            "The app must be one that the operator registered, or the https URL of its metadata document."
        )
    if client.token_endpoint_auth_method == "none":  # noqa: S105 - the method's name
        raise ChangeRefused("This app can't prove who it is, so it can't be connected in this way.")


def _require_ceiling(one: AppCeiling, catalogue: CatalogueDocument) -> AppCeiling:
    group = one.group.strip()
    if len(group) > LONGEST_GROUP or not group.isprintable():
        raise ChangeRefused("A group's name has at most 200 printable characters.")
    try:
        named = parse_allowed_tools(sorted(one.tools))
        data_scope = parse_data_scope(one.data_scope)
    except (MalformedAllowedTools, MalformedDataScope) as error:
        raise ChangeRefused(
            "Tools are names and toolsets, and data is written as kind:value."
        ) from error
    toolsets = catalogue.group_tools()
    known = toolsets.tools | toolsets.members.keys()
    if not named <= known:
        raise ChangeRefused("One of the tools is not a tool or toolset of this service.")
    tools = toolsets.expand(named)
    if not tools:
        raise ChangeRefused("Name at least one tool for each group.")
    if len(str(data_scope)) > 4096:
        raise ChangeRefused("A data scope has at most 4096 characters.")
    apis = note_apis(catalogue, tools, catalogue)
    return AppCeiling(group, tools, str(data_scope), apis)


def _write_ceiling(one: AppCeiling) -> dict[str, Any]:
    written = {"group": one.group, "tools": sorted(one.tools), "data_scope": one.data_scope}
    return {**written, "apis": dict(one.apis)} if one.apis else written


async def _lock_choice_of(db: DbSession, grant: Grant) -> AppChoice | None:
    return await lock_choice(
        db,
        person_id=grant.person_id,
        tenant_id=grant.tenant_id,
        client_id=grant.client_id,
        resource=grant.resource,
    )
