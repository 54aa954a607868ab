"""/admin/v1/tenants/{tenant_id}/apps."""

from typing import Annotated

from fastapi import APIRouter, Query

from auth_server.admin_api.authenticate import Caller
from auth_server.administration.tenancy.tenant_apps import (
    TenantAppChange,
    TenantAppView,
    end_app,
    put_app,
    read_tenant_apps,
)
from auth_server.tenancy.tenant_apps import AppKey
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings

router = APIRouter(prefix="/tenants/{tenant_id}/apps", tags=["tenants"])


@router.get("")
async def show_apps(caller: Caller, db: ReadingDb, tenant_id: str) -> list[TenantAppView]:
    """List the apps that the tenant's own provider connects. Requires `tenants:read`."""
    return await read_tenant_apps(db, caller, tenant_id)


@router.put("")
async def put_tenant_app(
    caller: Caller,
    db: Db,
    settings: Settings,
    now: Clock,
    tenant_id: str,
    change: TenantAppChange,
) -> list[TenantAppView]:
    """Let the tenant's own provider connect an app for members. Requires `tenants:write`."""
    return await put_app(
        db,
        caller,
        tenant_id,
        change,
        resources=[entry.resource for entry in settings.resources],
        issuers=settings.providers_with_own_issuer,
        lifetime=settings.longest_token_lifetime,
        now=now(),
    )


@router.delete("", status_code=204)
async def delete_tenant_app(
    caller: Caller,
    db: Db,
    settings: Settings,
    now: Clock,
    tenant_id: str,
    client_id: Annotated[str, Query(max_length=1024, description="The app.")],
    resource: Annotated[str, Query(max_length=512, description="The gateway.")],
) -> None:
    """Stop connecting an app, and end those connections. Requires `tenants:write`."""
    lifetime = settings.longest_token_lifetime
    key = AppKey(tenant_id, client_id, resource)
    await end_app(db, caller, key, lifetime=lifetime, now=now())
