"""What a grant is worth at this moment: every policy read again, claims only ever shrinking."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from auth_server.clients.store import find_client
from auth_server.errors import InvalidGrant
from auth_server.grants.store import find_grant
from auth_server.people.store import find_person
from auth_server.tenants.store import find_seat
from gatepost.data_scope import DataScope, narrow_data_scope, parse_data_scope
from gatepost.scopes import OFFLINE_ACCESS, narrow_scopes, parse_scope


@dataclass(frozen=True, slots=True)
class Entitlement:
    """Everything an access token says about its bearer, but for its own id and times."""

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


async def resolve_entitlement(
    db: AsyncSession, *, grant_id: str, client_id: str, resource: str, scopes: frozenset[str]
) -> Entitlement:
    """Read again what a grant allows: client, person, membership, tenant, and the grant itself.

    Args:
        db: the open transaction.
        grant_id: the grant that a code or refresh token was issued from.
        client_id: the authenticated client.
        resource: the resource it was issued for.
        scopes: the scopes it was issued with; the answer never holds more.

    Raises:
        InvalidGrant: any of them has ended since (RFC 6749 §5.2).
    """
    grant = await find_grant(db, grant_id)
    if grant is None or grant.client_id != client_id or grant.resource != resource:
        raise InvalidGrant("the connection was ended", detail="grant revoked or foreign")
    if await find_client(db, client_id) is None:
        raise InvalidGrant("the connection was ended", detail="client disabled")
    if await find_person(db, grant.person_id) is None:
        raise InvalidGrant("the connection was ended", detail="person disabled")
    seat = await find_seat(db, grant.person_id, grant.tenant_id)
    if seat is None:
        raise InvalidGrant("the connection was ended", detail="no longer a member of the tenant")
    data_scope = narrow_data_scope(seat.data_scope, parse_data_scope(grant.data_scope))
    if data_scope is None:
        raise InvalidGrant("the connection was ended", detail="no data in common any more")
    return Entitlement(
        grant_id=grant.grant_id,
        grant_version=grant.version,
        person_id=grant.person_id,
        client_id=client_id,
        tenant_id=grant.tenant_id,
        resource=resource,
        scopes=narrow_scopes(scopes, parse_scope(grant.scope)) - {OFFLINE_ACCESS},
        tools=frozenset(grant.tools),
        data_scope=data_scope,
        rate_limit_tier=seat.rate_limit_tier,
    )
