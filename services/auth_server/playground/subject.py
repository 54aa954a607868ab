"""On whose behalf the playground calls tools, and with which permissions."""

import uuid
from datetime import datetime, timedelta

from auth_server.db.engine import DbSession
from auth_server.entitlements.entitlement import Entitlement
from auth_server.entitlements.narrow import Bounds, NothingLeft, narrow
from auth_server.records.catalogues.names import keep_own
from auth_server.records.catalogues.store import find_catalogue, find_taken
from auth_server.records.grants.store import list_live_grants
from auth_server.records.people.store import find_person
from auth_server.records.tenants.store import find_tenant_membership
from auth_server.settings import ResourceSettings
from auth_server.tokens.access_token import issue_access_token
from auth_server.tokens.signer import Signer
from gatepost.allowed_tools import MalformedAllowedTools, parse_allowed_tools
from gatepost.data_scope import DataScope, parse_data_scope
from gatepost.network.organisation_address import organisation_address
from gatepost.scopes import TRACE, parse_scope

PLAYGROUND = "gatepost-playground"
"""The client id and the grant id of calls from the playground."""
_LIFETIME = timedelta(minutes=2)


class NoSubject(ValueError):
    """Nobody can be called for; the message says why."""


async def resolve_subject(
    db: DbSession,
    resource: ResourceSettings,
    *,
    tenant_id: str,
    person_id: str,
    grant_id: str,
    tools: str,
    now: datetime,
) -> Entitlement:
    """Resolve what an agent of a person may do.

    Args:
        db: an open database session.
        resource: the gateway.
        tenant_id: the tenant.
        person_id: the person, who must be a member of the tenant.
        grant_id: the connection to try; empty for a set of tools.
        tools: names and toolsets, separated by spaces; empty for every tool.
        now: the time.

    Raises:
        NoSubject: the person, the membership or the connection does not exist, or allows nothing.
    """
    person = await find_person(db, person_id)
    membership = await find_tenant_membership(db, person_id, tenant_id)
    if person is None or membership is None:
        raise NoSubject("This person is not a member of this organisation.")
    catalogue = await find_catalogue(db, resource.resource)
    scopes = frozenset(resource.scopes)
    data_scope, allowed_at = DataScope(), now
    if grant_id:
        grants = await list_live_grants(db, tenant_id=tenant_id, person_id=person_id)
        grant = next((one for one in grants if one.grant_id == grant_id), None)
        addresses = (resource.resource, organisation_address(resource.resource, tenant_id))
        if grant is None or grant.resource not in addresses:
            raise NoSubject("This connection has ended, or belongs to somebody else.")
        scopes = parse_scope(grant.scope)
        named = keep_own(grant.tools, grant.apis, await find_taken(db, resource.resource))
        data_scope, allowed_at = parse_data_scope(grant.data_scope), grant.approved_at
    elif tools.strip():
        try:
            named = parse_allowed_tools(tools.replace(",", " ").split())
        except MalformedAllowedTools:
            raise NoSubject("Write tool names and @toolsets, separated by spaces.") from None
    else:
        named = frozenset(tool.name for tool in catalogue.tools) if catalogue else frozenset()
    allowed = Entitlement(
        grant_id=PLAYGROUND,
        grant_version=1,
        person_id=person_id,
        client_id=PLAYGROUND,
        tenant_id=tenant_id,
        resource=resource.resource,
        scopes=scopes,
        tools=named,
        data_scope=data_scope,
        rate_limit_tier=membership.rate_limit_tier,
        env="test",
    )
    policy = membership.policy
    bounds = Bounds(policy, membership.data_scope, allowed_at, catalogue, any_client=True)
    try:
        return narrow(allowed, bounds, now=now)
    except NothingLeft:
        raise NoSubject("The organisation's rules allow nothing of this.") from None


def issue_playground_token(
    signer: Signer,
    entitlement: Entitlement,
    *,
    issuer: str,
    allowed_tools: frozenset[str],
    now: datetime,
) -> str:
    """Issue a token of two minutes, whose calls are tests and answer with their trace."""
    return issue_access_token(
        signer,
        entitlement._replace(scopes=entitlement.scopes | {TRACE}),
        allowed_tools=allowed_tools,
        issuer=issuer,
        token_id=uuid.uuid4().hex,
        now=now,
        lifetime=_LIFETIME,
    )
