"""Resolve the entitlement of a grant from everything on which the grant depends."""

from datetime import datetime

from auth_server.entitlements.entitlement import Entitlement
from auth_server.entitlements.narrow import (
    Bounds,
    ClientNotAdmitted,
    NothingLeft,
    ProviderMissing,
    narrow,
)
from auth_server.entitlements.step_up import StepUp
from auth_server.errors import InvalidGrant
from auth_server.records.catalogues.names import keep_own
from auth_server.redemptions.facts import GrantFacts
from gatepost.data_scope import parse_data_scope
from gatepost.scopes import expand_scopes, narrow_scopes, parse_scope


class ClientForbidden(InvalidGrant):
    """The tenant no longer allows the client, or the sign-in that approved it; its grant must end."""


def resolve_entitlement(
    grant: GrantFacts | None,
    *,
    client_id: str,
    resource: str,
    scopes: frozenset[str],
    now: datetime,
) -> Entitlement:
    """Resolve what a grant allows now, given its client, person, membership and tenant.

    Args:
        grant: the current state of the grant from which a code or refresh token was issued.
        client_id: the authenticated client.
        resource: the resource it was issued for.
        scopes: the scopes it was issued with; the entitlement never has more.
        now: the time.

    Raises:
        ClientForbidden: the tenant's policy forbids the client, or the sign-in that approved it.
        InvalidGrant: the grant or one of these has ended (RFC 6749 §5.2).
    """
    if grant is None or grant.client_id != client_id or grant.resource != resource:
        raise _ended("grant revoked or foreign")
    if not grant.client_enabled:
        raise _ended("client disabled")
    if not grant.person_enabled:
        raise _ended("person disabled")
    if grant.membership is None:
        raise _ended("no longer a member of the tenant")
    allowed = Entitlement(
        grant_id=grant.grant_id,
        grant_version=grant.version,
        person_id=grant.person_id,
        client_id=client_id,
        tenant_id=grant.tenant_id,
        resource=resource,
        scopes=narrow_scopes(scopes, parse_scope(grant.scope)),
        tools=keep_own(grant.tools, grant.apis, grant.taken),
        data_scope=parse_data_scope(grant.data_scope),
        rate_limit_tier=grant.membership.rate_limit_tier,
        ends_at=grant.expires_at,
        step_up=StepUp(
            expand_scopes(parse_scope(grant.asked_scope) | parse_scope(grant.scope)),
            grant.membership.policy.read_only,
        ),
    )
    bounds = Bounds(
        policy=grant.membership.policy,
        data_scope=parse_data_scope(grant.membership.data_scope),
        allowed_at=grant.approved_at,
        catalogue=grant.catalogue,
        redirect_host=grant.redirect_host,
        provider=grant.provider,
        own_provider=grant.membership.own_provider,
        provider_only=grant.membership.provider_only,
    )
    try:
        return narrow(allowed, bounds, now=now)
    except (ClientNotAdmitted, ProviderMissing) as error:
        raise ClientForbidden("the connection was ended", detail=str(error)) from None
    except NothingLeft as error:
        raise _ended(str(error)) from None


def _ended(detail: str) -> InvalidGrant:
    return InvalidGrant("the connection was ended", detail=detail)
