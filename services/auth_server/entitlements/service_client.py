"""What a client is worth for itself: what an operator allowed it, in one tenant."""

import base64
import hashlib
import json

from auth_server.db.engine import DbSession
from auth_server.entitlements.grant import Entitlement
from auth_server.entitlements.narrow_to_reading import narrow_to_reading
from auth_server.errors import UnauthorizedClient
from auth_server.records.catalogues.store import find_catalogue
from auth_server.records.ceilings.table import Ceiling
from auth_server.records.people.store import is_person
from auth_server.records.tenants.store import find_tenant
from gatepost.data_scope import parse_data_scope
from gatepost.scopes import OFFLINE_ACCESS, parse_scope


async def resolve_service_client(db: DbSession, ceiling: Ceiling) -> Entitlement:
    """Read what a ceiling allows now; the client itself stands where a person would.

    Raises:
        UnauthorizedClient: the tenant is disabled or forbids the client, or a person has its id.
    """
    # Else the token would be that person's for everybody who looks at `sub` (RFC 9068 §5).
    if await is_person(db, ceiling.client_id):
        raise UnauthorizedClient("this client may have no tokens", detail="its id is a person's")
    tenant = await find_tenant(db, ceiling.tenant_id)
    if tenant is None:
        raise UnauthorizedClient("this client may have no tokens", detail="tenant disabled")
    scopes, tools = parse_scope(ceiling.scope) - {OFFLINE_ACCESS}, frozenset(ceiling.tools)
    if not tenant.policy.admits(ceiling.client_id):
        raise UnauthorizedClient("this client may have no tokens", detail="forbidden by the tenant")
    if tenant.policy.read_only:
        catalogue = await find_catalogue(db, ceiling.resource)
        scopes, tools = narrow_to_reading(scopes, tools, catalogue)
    return Entitlement(
        grant_id=name_grant(ceiling),
        grant_version=ceiling.version,
        person_id=ceiling.client_id,
        client_id=ceiling.client_id,
        tenant_id=ceiling.tenant_id,
        resource=ceiling.resource,
        scopes=scopes,
        tools=tools,
        data_scope=parse_data_scope(ceiling.data_scope),
        rate_limit_tier=tenant.rate_limit_tier,
    )


def name_grant(ceiling: Ceiling) -> str:
    """Write the `grant_id` of a client's own tokens: the same for one client, tenant and resource.

    No row of the grants table has it, since a grant is a person's.
    """
    parts = json.dumps([ceiling.client_id, ceiling.tenant_id, ceiling.resource])
    digest = hashlib.sha256(parts.encode()).digest()
    return f"client_{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
