"""API keys: made for a person in a tenant, worth at each use what both still allow."""

from collections.abc import Collection
from datetime import datetime, timedelta

from auth_server.db.engine import DbSession
from auth_server.entitlements.grant import Entitlement
from auth_server.entitlements.narrow_to_reading import narrow_to_reading
from auth_server.errors import InvalidGrant
from auth_server.records.api_keys.store import add_api_key, revoke_api_key
from auth_server.records.api_keys.table import StoredApiKey
from auth_server.records.audit.store import Audit, record
from auth_server.records.catalogues.store import find_catalogue
from auth_server.records.people.store import find_person
from auth_server.records.tenants.store import find_tenant_membership
from auth_server.revocations.revoke import end_family
from auth_server.secrets import hash_secret
from gatepost.allowed_tools import parse_allowed_tools
from gatepost.api_keys import ApiKey
from gatepost.data_scope import DataScope, contains, narrow_data_scope, parse_data_scope
from gatepost.scopes import OFFLINE_ACCESS, format_scope, parse_scope


class UnusableApiKey(ValueError):
    """The key can't be made as asked; the message names what is wrong."""


async def issue_api_key(
    db: DbSession,
    key: ApiKey,
    *,
    label: str,
    person_id: str,
    tenant_id: str,
    resource: str,
    scopes: Collection[str],
    tools: Collection[str],
    data_scope: DataScope,
    expires_at: datetime | None,
    now: datetime,
) -> StoredApiKey:
    """Store a new key for a member of a tenant, with no more data than the member sees.

    Raises:
        UnusableApiKey: no such member, nothing allowed, or data beyond the member's.
    """
    if not 1 <= len(label) <= 100 or not label.isprintable():
        raise UnusableApiKey("label must be 1 to 100 printable characters")
    if not scopes or not tools or OFFLINE_ACCESS in scopes:
        raise UnusableApiKey("scope and tools must name what the key may do")
    if expires_at is not None and expires_at <= now:
        raise UnusableApiKey("the key would have expired already")
    person = await find_person(db, person_id)
    membership = None if person is None else await find_tenant_membership(db, person_id, tenant_id)
    if membership is None:
        raise UnusableApiKey(f"{person_id} is not an active member of {tenant_id}")
    if str(data_scope) and not contains(membership.data_scope, data_scope):
        raise UnusableApiKey(f"data scope must lie within the member's: {membership.data_scope}")
    row = StoredApiKey(
        key_id=name_api_key(key),
        key_hash=hash_secret(key.text),
        label=label,
        env=key.env,
        person_id=person_id,
        tenant_id=tenant_id,
        resource=resource,
        scope=format_scope(scopes),
        tools=sorted(parse_allowed_tools(list(tools))),
        data_scope=str(data_scope),
        created_at=now,
        expires_at=expires_at,
    )
    await add_api_key(db, row)
    created = Audit(
        "api_key.created",
        person_id=person_id,
        tenant_id=tenant_id,
        grant_id=row.key_id,
        detail={"label": label, "env": row.env, "resource": resource, "scope": row.scope},
    )
    await record(db, created, now=now)
    return row


async def end_api_key(db: DbSession, key_id: str, *, lifetime: timedelta, now: datetime) -> bool:
    """End a key and the access tokens that live of it; False where none of that id holds.

    Args:
        db: the open transaction.
        key_id: the key's id.
        lifetime: how long access tokens live.
        now: the time.
    """
    row = await revoke_api_key(db, key_id, now=now)
    if row is None:
        return False
    await end_family(db, key_id, lifetime=lifetime, now=now)
    revoked = Audit(
        "api_key.revoked", person_id=row.person_id, tenant_id=row.tenant_id, grant_id=key_id
    )
    await record(db, revoked, now=now)
    return True


def name_api_key(key: ApiKey) -> str:
    """Write a key's id, by which it is listed and revoked, and which its tokens carry."""
    return f"key_{key.fingerprint}"


async def resolve_api_key(
    db: DbSession, row: StoredApiKey, *, client_id: str, now: datetime
) -> Entitlement:
    """Read again what a key is worth: the key itself, its person, membership, tenant, and data.

    Args:
        db: the open transaction.
        row: the stored key.
        client_id: the gateway that exchanges it.
        now: the time.

    Raises:
        InvalidGrant: any of them has ended since; `detail` says which.
    """
    if row.revoked_at is not None:
        raise _over("revoked")
    if await find_person(db, row.person_id) is None:
        raise _over("person disabled")
    membership = await find_tenant_membership(db, row.person_id, row.tenant_id)
    if membership is None:
        raise _over("no longer a member of the tenant")
    latest = membership.policy.latest_end(row.created_at)
    ends_at = min((end for end in (row.expires_at, latest) if end is not None), default=None)
    if ends_at is not None and ends_at - now < timedelta(seconds=1):  # a token lives that long
        raise _over("expired")
    data_scope = narrow_data_scope(membership.data_scope, parse_data_scope(row.data_scope))
    if data_scope is None:
        raise _over("no data in common any more")
    scopes, tools = parse_scope(row.scope), frozenset(row.tools)
    if membership.policy.read_only:
        catalogue = await find_catalogue(db, row.resource)
        scopes, tools = narrow_to_reading(scopes, tools, catalogue)
        if not tools:
            raise _over("the tenant allows reading only")
    return Entitlement(
        grant_id=row.key_id,
        grant_version=1,
        person_id=row.person_id,
        client_id=client_id,
        tenant_id=row.tenant_id,
        resource=row.resource,
        scopes=scopes,
        tools=tools,
        data_scope=data_scope,
        rate_limit_tier=membership.rate_limit_tier,
        env="test" if row.env == "test" else "live",
        ends_at=ends_at,
    )


def _over(detail: str) -> InvalidGrant:
    return InvalidGrant("the API key is unknown, expired or revoked", detail=detail)
