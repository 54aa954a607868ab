"""/admin/v1/tenants/{tenant_id}/provider."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from auth_server.admin_api.authenticate import Caller
from auth_server.administration.tenancy.providers import (
    TenantProviderView,
    assign_provider,
    lift_provider_rule,
    read_provider,
)
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings

router = APIRouter(prefix="/tenants/{tenant_id}/provider", tags=["tenants"])


class ProviderChange(BaseModel):
    """The identity provider of a tenant."""

    model_config = ConfigDict(extra="forbid")

    provider: str = Field(
        description="The name of a provider with `customer: true` in the settings."
    )


@router.get("")
async def show_provider(caller: Caller, db: ReadingDb, tenant_id: str) -> TenantProviderView:
    """Show the tenant's own identity provider. Requires `tenants:read`."""
    return await read_provider(db, caller, tenant_id)


@router.put("")
async def put_provider(
    caller: Caller,
    db: Db,
    settings: Settings,
    now: Clock,
    tenant_id: str,
    change: ProviderChange,
) -> TenantProviderView:
    """Assign an identity provider to the tenant. Requires `tenants:write`."""
    return await assign_provider(
        db,
        caller,
        tenant_id,
        change.provider,
        customers=settings.customers_providers,
        lifetime=settings.longest_token_lifetime,
        now=now(),
    )


@router.delete("")
async def delete_provider(
    caller: Caller, db: Db, settings: Settings, now: Clock, tenant_id: str
) -> TenantProviderView:
    """Take the tenant's identity provider away. Requires `tenants:write`."""
    lifetime = settings.longest_token_lifetime
    return await assign_provider(
        db, caller, tenant_id, None, customers=(), lifetime=lifetime, now=now()
    )


@router.delete("/rule")
async def delete_rule(caller: Caller, db: Db, now: Clock, tenant_id: str) -> TenantProviderView:
    """Lift the rule that members sign in with this provider. Requires `tenants:write`."""
    return await lift_provider_rule(db, caller, tenant_id, now=now())
