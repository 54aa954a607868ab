"""List and revoke the API keys of a tenant's members."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound
from auth_server.administration.operator import ActingOperator
from auth_server.administration.tenancy.require import require_tenant
from auth_server.db.engine import DbSession
from auth_server.entitlements.api_key import end_api_key
from auth_server.records.api_keys.store import find_key_by_id, list_api_keys
from auth_server.records.api_keys.table import StoredApiKey
from auth_server.records.people.store import find_people


class TenantKeyView(BaseModel):
    """An API key that is not revoked, without its text."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    key_id: str
    label: str
    person_id: str
    person_name: str
    resource: str
    scope: str
    tools: tuple[str, ...]
    data_scope: str
    """The data that it reaches; empty for all that the person sees."""
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


async def read_tenant_keys(
    db: DbSession, operator: ActingOperator, tenant_id: str
) -> list[TenantKeyView]:
    """List the API keys of a tenant's members that are not revoked, the oldest first.

    Raises:
        Forbidden: `tenants:read` is missing.
        NotFound: the tenant does not exist.
    """
    operator.require("tenants:read")
    await require_tenant(db, tenant_id)
    rows = await list_api_keys(db, tenant_id=tenant_id)
    return await view_keys(db, [row for row in rows if row.revoked_at is None])


async def view_keys(db: DbSession, rows: Sequence[StoredApiKey]) -> list[TenantKeyView]:
    """Describe API keys, without their texts."""
    people = await find_people(db, {row.person_id for row in rows})
    return [
        TenantKeyView(
            key_id=row.key_id,
            label=row.label,
            person_id=row.person_id,
            person_name=people[row.person_id].known_as,
            resource=row.resource,
            scope=row.scope,
            tools=tuple(row.tools),
            data_scope=row.data_scope,
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_used_at=row.last_used_at,
        )
        for row in rows
    ]


async def end_tenant_key(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    key_id: str,
    *,
    lifetime: timedelta,
    now: datetime,
) -> None:
    """Revoke an API key and the access tokens issued for it.

    Raises:
        Forbidden: `tenants:write` is missing.
        NotFound: the tenant has no such key.
    """
    operator.act(db, "tenants:write")
    key = await find_key_by_id(db, key_id)
    is_ours = key is not None and key.tenant_id == tenant_id
    if not is_ours or not await end_api_key(db, key_id, lifetime=lifetime, now=now):
        raise NotFound(f"the tenant {tenant_id[:200]} has no API key {key_id[:200]}")
