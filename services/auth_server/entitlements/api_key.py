"""Issue API keys, and resolve what each allows at every use."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from auth_server.db.engine import DbSession
from auth_server.entitlements.entitlement import Entitlement
from auth_server.entitlements.narrow import Bounds, NothingLeft, narrow
from auth_server.errors import InvalidGrant
from auth_server.records.api_keys.store import add_api_key, revoke_api_key
from auth_server.records.api_keys.table import StoredApiKey
from auth_server.records.audit.store import Audit, record
from auth_server.records.catalogues.names import keep_own
from auth_server.records.catalogues.store import find_apis, find_catalogue, find_taken
from auth_server.records.people.store import find_person
from auth_server.records.tenant_providers.store import find_provider
from auth_server.records.tenants.store import find_tenant_membership
from auth_server.revocations.linked_accounts import end_unused_accounts
from auth_server.revocations.revoke import end_family
from auth_server.secrets import hash_secret
from gatepost.allowed_tools import parse_allowed_tools
from gatepost.api_keys import ApiKey
from gatepost.catalogue import CatalogueDocument
from gatepost.data_scope import DataScope, contains, parse_data_scope
from gatepost.scopes import OFFLINE_ACCESS, format_scope, parse_scope


class UnusableApiKey(ValueError):
    """The requested key is invalid; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """The owner, permissions and lifetime of a new key."""

    label: str
    person_id: str
    tenant_id: str
    resource: str
    scopes: Collection[str]
    tools: Collection[str]
    data_scope: DataScope
    expires_at: datetime | None
    provider: str | None = None
    """The customer's own provider that began the person's session, if it is one."""
    shown: CatalogueDocument | None = None
    """The catalogue from which the tools were chosen; by default the newest."""


async def issue_api_key(
    db: DbSession, key: ApiKey, new: NewApiKey, *, now: datetime
) -> StoredApiKey:
    """Store a new key for a member of a tenant, with no more data than the member sees.

    Raises:
        UnusableApiKey: the person is not a member, the tenant does not allow keys or requires its own
            provider, or the key allows nothing or too much data.
    """
    if not 1 <= len(new.label) <= 100 or not new.label.isprintable():
        raise UnusableApiKey("label must be 1 to 100 printable characters")
    if not new.scopes or not new.tools or OFFLINE_ACCESS in new.scopes:
        raise UnusableApiKey("scope and tools must name what the key may do")
    if new.expires_at is not None and new.expires_at <= now:
        raise UnusableApiKey("the key would have expired already")
    person, membership = await find_person(db, new.person_id), None
    if person is not None:
        membership = await find_tenant_membership(db, new.person_id, new.tenant_id)
    if membership is None:
        raise UnusableApiKey(f"{new.person_id} is not an active member of {new.tenant_id}")
    if not membership.policy.admits_api_keys:
        raise UnusableApiKey(f"{new.tenant_id} does not allow API keys; see its policy")
    if membership.provider_only_since is not None and new.provider is None:
        raise UnusableApiKey(
            f"the members of {new.tenant_id} must sign in with its own identity provider to create keys"
        )
    if str(new.data_scope) and not contains(membership.data_scope, new.data_scope):
        raise UnusableApiKey(f"data scope must be within the member's: {membership.data_scope}")
    shown = new.shown if new.shown is not None else await find_catalogue(db, new.resource)
    row = StoredApiKey(
        key_id=name_api_key(key),
        key_hash=hash_secret(key.text),
        label=new.label,
        env=key.env,
        person_id=new.person_id,
        tenant_id=new.tenant_id,
        resource=new.resource,
        scope=format_scope(new.scopes),
        tools=sorted(parse_allowed_tools(list(new.tools))),
        apis=await find_apis(db, shown, new.tools) if shown is not None else None,
        data_scope=str(new.data_scope),
        provider=new.provider,
        created_at=now,
        expires_at=new.expires_at,
    )
    await add_api_key(db, row)
    created = Audit(
        "api_key.created",
        person_id=row.person_id,
        tenant_id=row.tenant_id,
        grant_id=row.key_id,
        detail={
            "label": row.label,
            "env": row.env,
            "resource": row.resource,
            "scope": row.scope,
        },
    )
    await record(db, created, now=now)
    return row


async def end_api_key(db: DbSession, key_id: str, *, lifetime: timedelta, now: datetime) -> bool:
    """Revoke a key and the access tokens issued for it; return False if no such key is live.

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
    await end_unused_accounts(db, row.person_id, row.tenant_id, now=now)
    return True


def name_api_key(key: ApiKey) -> str:
    """Return a key's id, by which it is listed and revoked, and which its tokens contain."""
    return f"key_{key.fingerprint}"


async def resolve_api_key(
    db: DbSession, row: StoredApiKey, *, client_id: str, now: datetime
) -> Entitlement:
    """Resolve the entitlement of a key from its person, membership, tenant and data.

    Args:
        db: the open transaction.
        row: the stored key.
        client_id: the gateway that exchanges it.
        now: the time.

    Raises:
        InvalidGrant: the key or one of these has ended; `detail` says which.
    """
    if row.revoked_at is not None:
        raise _over("revoked")
    if await find_person(db, row.person_id) is None:
        raise _over("person disabled")
    membership = await find_tenant_membership(db, row.person_id, row.tenant_id)
    if membership is None:
        raise _over("no longer a member of the tenant")
    allowed = Entitlement(
        grant_id=row.key_id,
        grant_version=1,
        person_id=row.person_id,
        client_id=client_id,
        tenant_id=row.tenant_id,
        resource=row.resource,
        scopes=parse_scope(row.scope),
        tools=keep_own(row.tools, row.apis, await find_taken(db, row.resource)),
        data_scope=parse_data_scope(row.data_scope),
        rate_limit_tier=membership.rate_limit_tier,
        env="test" if row.env == "test" else "live",
        ends_at=row.expires_at,
    )
    policy = membership.policy
    if not policy.admits_api_keys:
        raise _over("API keys forbidden by the tenant")
    own = await find_provider(db, row.tenant_id) if row.provider is not None else None
    bounds = Bounds(
        policy=policy,
        data_scope=membership.data_scope,
        allowed_at=row.created_at,
        catalogue=await find_catalogue(db, row.resource) if policy.read_only else None,
        provider=row.provider,
        own_provider=own.provider if own is not None else None,
        provider_only=membership.provider_only_since is not None,
        any_client=True,  # The client is the gateway, which no tenant has in its list of apps.
    )
    try:
        return narrow(allowed, bounds, now=now)
    except NothingLeft as error:
        raise _over(str(error)) from None


def _over(detail: str) -> InvalidGrant:
    return InvalidGrant("the API key is unknown, expired or revoked", detail=detail)
