"""What a grant is worth at this moment: every policy read again, claims only ever shrinking."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from auth_server.entitlements.narrow_to_reading import narrow_to_reading
from auth_server.errors import InvalidGrant
from auth_server.redemptions.statements import GrantFacts
from gatepost.api_keys import Env
from gatepost.data_scope import DataScope, narrow_data_scope, parse_data_scope
from gatepost.scopes import OFFLINE_ACCESS, narrow_scopes, parse_scope


@dataclass(frozen=True, slots=True)
class Entitlement:
    """Everything an access token says about its bearer, but for its own id and times.

    No token of it lives beyond `ends_at`, where that is given.
    """

    grant_id: str
    grant_version: int
    person_id: str
    client_id: str
    tenant_id: str
    resource: str
    scopes: frozenset[str]
    tools: frozenset[str]
    data_scope: DataScope
    rate_limit_tier: str
    env: Env = "live"
    ends_at: datetime | None = None


class ClientForbidden(InvalidGrant):
    """The tenant does not allow the client any more: its grant has to end."""


def resolve_entitlement(
    grant: GrantFacts | None,
    *,
    client_id: str,
    resource: str,
    scopes: frozenset[str],
    now: datetime,
) -> Entitlement:
    """Work out what a grant allows now: client, person, membership, tenant, and the grant itself.

    Args:
        grant: the grant that a code or refresh token was issued from, as it stands now.
        client_id: the authenticated client.
        resource: the resource it was issued for.
        scopes: the scopes it was issued with; the answer never holds more.
        now: the time.

    Raises:
        ClientForbidden: by the tenant's policy.
        InvalidGrant: any of them has ended since (RFC 6749 §5.2).
    """
    if grant is None or grant.client_id != client_id or grant.resource != resource:
        raise InvalidGrant("the connection was ended", detail="grant revoked or foreign")
    if not grant.client_enabled:
        raise InvalidGrant("the connection was ended", detail="client disabled")
    if not grant.person_enabled:
        raise InvalidGrant("the connection was ended", detail="person disabled")
    if grant.membership is None:
        raise InvalidGrant("the connection was ended", detail="no longer a member of the tenant")
    policy = grant.membership.policy
    if not policy.admits(client_id):
        raise ClientForbidden("the connection was ended", detail="client forbidden by the tenant")
    ends_at = min(grant.expires_at, policy.latest_end(grant.approved_at) or grant.expires_at)
    if ends_at - now < timedelta(seconds=1):  # a token lives that long
        raise InvalidGrant("the connection was ended", detail="its time is over")
    member_scope = parse_data_scope(grant.membership.data_scope)
    data_scope = narrow_data_scope(member_scope, parse_data_scope(grant.data_scope))
    if data_scope is None:
        raise InvalidGrant("the connection was ended", detail="no data in common any more")
    scopes = narrow_scopes(scopes, parse_scope(grant.scope)) - {OFFLINE_ACCESS}
    tools = frozenset(grant.tools)
    if policy.read_only:
        scopes, tools = narrow_to_reading(scopes, tools, grant.catalogue)
        if not tools:
            raise InvalidGrant("the connection was ended", detail="the tenant allows reading only")
    return Entitlement(
        grant_id=grant.grant_id,
        grant_version=grant.version,
        person_id=grant.person_id,
        client_id=client_id,
        tenant_id=grant.tenant_id,
        resource=resource,
        scopes=scopes,
        tools=tools,
        data_scope=data_scope,
        rate_limit_tier=grant.membership.rate_limit_tier,
        ends_at=ends_at,
    )
