"""Whose groups count for a ceiling: those of the tenant's directory, and else those of the assertion."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from auth_server.db.engine import DbSession
from auth_server.records.audit.store import record
from auth_server.records.catalogues.names import held_by
from auth_server.records.catalogues.store import find_catalogue
from auth_server.records.directory.groups import list_known_names, list_names_of_people
from auth_server.records.grants.store import list_live_grants
from auth_server.records.grants.table import Grant
from auth_server.records.tenant_apps.store import find_choice, list_tenant_apps
from auth_server.records.tenant_apps.table import AppCeiling, TenantApp, read_ceilings
from auth_server.revocations.revoke import outdate_grant, revoke_grant
from auth_server.tenancy.grant_contents import audit_of
from gatepost.catalogue import CatalogueDocument
from gatepost.data_scope import narrow_data_scope, parse_data_scope
from gatepost.network.organisation_address import resources_of_address

_CHANGED = "the person's groups changed"


class GroupsUntold(Exception):
    """Neither the assertion nor the directory tells whether the person is in a group of the list."""


async def find_ceiling(
    db: DbSession,
    app: TenantApp,
    person_id: str,
    asserted: Collection[str] | None,
    *,
    gone: Collection[str] = (),
) -> AppCeiling | None:
    """Return the most that an app may do for a person, or None if it may do nothing.

    If the tenant's directory has the person and a group of the list, the directory decides who is in
    it: it knows a change at once, and an assertion is up to five minutes old.

    Args:
        db: an open database session.
        app: the tenant's app.
        person_id: the person.
        asserted: their groups in the assertion; None if it did not tell them.
        gone: names that no group has any more.

    Raises:
        GroupsUntold: the person may be in a group with less than everybody else.
    """
    named = {one.group for one in read_ceilings(app) if one.group}
    known, mine = set[str](), set[str]()
    if named:
        people = await list_names_of_people(db, app.tenant_id, [person_id])
        if person_id in people:
            known = await list_known_names(db, app.tenant_id, named) | set(gone)
            mine = people[person_id]
    if asserted is None and named - known:
        raise GroupsUntold
    return app.ceiling_for((set(asserted or ()) - known) | (mine & known))


async def narrow_connections(
    db: DbSession,
    tenant_id: str,
    person_ids: Collection[str],
    *,
    gone: Collection[str] = (),
    lifetime: timedelta,
    now: datetime,
) -> None:
    """Narrow what the provider connected for people whose groups have changed (A231).

    Nothing is widened: that is for the next assertion.

    Args:
        db: the open transaction, with the tenant locked.
        tenant_id: the tenant.
        person_ids: the people.
        gone: names that no group has any more.
        lifetime: how long access tokens live.
        now: the time.
    """
    apps = {
        (app.client_id, app.resource): app
        for app in await list_tenant_apps(db, tenant_id)
        if any(one.group for one in read_ceilings(app))
    }
    if not apps or not person_ids:
        return
    for grant in await _lock_grants(db, tenant_id, person_ids):
        # A connection may be at the organisation's address, and the tenant names the gateway.
        named = ((grant.client_id, one) for one in resources_of_address(grant.resource))
        app = next((apps[key] for key in named if key in apps), None)
        if app is None or not grant.by_tenant or grant.person_id not in person_ids:
            continue
        choice = await find_choice(
            db,
            person_id=grant.person_id,
            tenant_id=tenant_id,
            client_id=grant.client_id,
            resource=grant.resource,
        )
        asserted = choice.groups if choice is not None else None
        try:
            ceiling = await find_ceiling(db, app, grant.person_id, asserted, gone=gone)
        except GroupsUntold:
            ceiling = None
        await _narrow(db, grant, ceiling, lifetime=lifetime, now=now)


async def _lock_grants(
    db: DbSession, tenant_id: str, person_ids: Collection[str]
) -> Sequence[Grant]:
    only = next(iter(person_ids)) if len(person_ids) == 1 else None
    return await list_live_grants(db, tenant_id=tenant_id, person_id=only, lock=True)


async def _narrow(
    db: DbSession,
    grant: Grant,
    ceiling: AppCeiling | None,
    *,
    lifetime: timedelta,
    now: datetime,
) -> None:
    tools = frozenset[str]()
    if ceiling is not None:
        catalogue = await find_catalogue(db, grant.resource)
        tools = _keep_within(grant, ceiling, catalogue)
    data = (
        narrow_data_scope(parse_data_scope(ceiling.data_scope), parse_data_scope(grant.data_scope))
        if ceiling is not None
        else None
    )
    if not tools or data is None:
        await revoke_grant(db, grant.grant_id, _CHANGED, lifetime=lifetime, now=now)
        return
    if (sorted(tools), str(data)) == (sorted(grant.tools), grant.data_scope):
        return
    grant.tools, grant.data_scope = sorted(tools), str(data)
    grant.version, grant.updated_at = grant.version + 1, now
    await db.flush()
    await outdate_grant(db, grant.grant_id, grant.version, lifetime=lifetime, now=now)
    await record(db, audit_of(grant, by="the organisation's directory"), now=now)


def _keep_within(
    grant: Grant, ceiling: AppCeiling, catalogue: CatalogueDocument | None
) -> frozenset[str]:
    """Return the tools of a grant that a ceiling allows, of which either may have a former name."""
    if catalogue is None:
        return frozenset(grant.tools).intersection(ceiling.tools)
    within = held_by(catalogue, ceiling.tools, ceiling.apis)
    return frozenset(
        name
        for name in grant.tools
        if not within.isdisjoint(held_by(catalogue, [name], grant.apis))
    )
