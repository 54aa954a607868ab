"""Resolve the entitlement of a service client, which an operator limits to one tenant."""

import base64
import hashlib
import json
from datetime import datetime

from auth_server.db.engine import DbSession
from auth_server.entitlements.entitlement import Entitlement
from auth_server.entitlements.narrow import Bounds, NothingLeft, NothingReadable, narrow
from auth_server.errors import InvalidScope, UnauthorizedClient
from auth_server.records.catalogues.names import keep_own
from auth_server.records.catalogues.store import find_catalogue, find_taken
from auth_server.records.ceilings.table import Ceiling
from auth_server.records.people.store import is_person
from auth_server.records.tenants.store import find_tenant
from gatepost.data_scope import DataScope, parse_data_scope
from gatepost.scopes import parse_scope


async def resolve_service_client(db: DbSession, ceiling: Ceiling, *, now: datetime) -> Entitlement:
    """Resolve what a ceiling allows now, with the client's id in place of a person's.

    Raises:
        UnauthorizedClient: the tenant is disabled or forbids the client, or a person has its id.
        InvalidScope: the tenant allows reading only, and none of the client's tools only read.
    """
    # Otherwise, anyone who reads `sub` would take the token for that person's (RFC 9068 §5).
    if await is_person(db, ceiling.client_id):
        raise _no_tokens("its id is a person's")
    tenant = await find_tenant(db, ceiling.tenant_id)
    if tenant is None:
        raise _no_tokens("tenant disabled")
    allowed = Entitlement(
        grant_id=name_grant(ceiling),
        grant_version=ceiling.version,
        person_id=ceiling.client_id,
        client_id=ceiling.client_id,
        tenant_id=ceiling.tenant_id,
        resource=ceiling.resource,
        scopes=parse_scope(ceiling.scope),
        tools=keep_own(ceiling.tools, ceiling.apis, await find_taken(db, ceiling.resource)),
        data_scope=parse_data_scope(ceiling.data_scope),
        rate_limit_tier=tenant.rate_limit_tier,
    )
    policy = tenant.policy
    bounds = Bounds(
        policy=policy,
        data_scope=DataScope(),
        allowed_at=None,
        catalogue=await find_catalogue(db, ceiling.resource) if policy.read_only else None,
    )
    try:
        return narrow(allowed, bounds, now=now)
    except NothingReadable as error:
        raise InvalidScope("this client is not allowed any scope", detail=str(error)) from None
    except NothingLeft as error:
        raise _no_tokens(str(error)) from None


def name_grant(ceiling: Ceiling) -> str:
    """Return the `grant_id` of a client's own tokens for one tenant and resource.

    The grants table does not contain it, because only people make grants.
    """
    parts = json.dumps([ceiling.client_id, ceiling.tenant_id, ceiling.resource])
    digest = hashlib.sha256(parts.encode()).digest()
    return f"client_{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _no_tokens(detail: str) -> UnauthorizedClient:
    return UnauthorizedClient("this client is not allowed any tokens", detail=detail)
