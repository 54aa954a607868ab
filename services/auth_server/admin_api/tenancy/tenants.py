"""/admin/v1/tenants."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from auth_server.admin_api.authenticate import Caller
from auth_server.admin_api.pages import USUAL_LIMIT, After, Limit, Page
from auth_server.administration.tenants import (
    TenantView,
    disable_tenant,
    read_tenant,
    read_tenants,
    set_tenant,
)
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings

router = APIRouter(prefix="/tenants", tags=["tenants"])


class TenantChange(BaseModel):
    """The name and plan of a tenant."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="The name on the consent page.")
    plan: str = Field(default="free", description="The name of a plan.")


class Disabled(BaseModel):
    """Whether all access to a tenant's data is ended."""

    model_config = ConfigDict(extra="forbid")

    disabled: bool


@router.get("")
async def list_tenants(
    caller: Caller,
    db: ReadingDb,
    search: Annotated[str, Query(max_length=200, description="A part of an id or name.")] = "",
    after: After = "",
    limit: Limit = USUAL_LIMIT,
) -> Page[TenantView]:
    """List tenants by id. Requires `tenants:read`."""
    return Page.of(await read_tenants(db, caller, search=search, after=after, limit=limit))


@router.get("/{tenant_id}")
async def show_tenant(caller: Caller, db: ReadingDb, tenant_id: str) -> TenantView:
    """Show a tenant. Requires `tenants:read`."""
    return await read_tenant(db, caller, tenant_id)


@router.put("/{tenant_id}", responses={201: {"model": TenantView}})
async def put_tenant(
    caller: Caller, db: Db, now: Clock, tenant_id: str, change: TenantChange, response: Response
) -> TenantView:
    """Add a tenant by its id in your product, or change its name and plan. Requires `tenants:write`."""
    tenant, is_new = await set_tenant(
        db, caller, tenant_id, name=change.name, plan=change.plan, now=now()
    )
    response.status_code = 201 if is_new else 200
    return tenant


@router.put("/{tenant_id}/disabled")
async def put_disabled(
    caller: Caller, db: Db, settings: Settings, now: Clock, tenant_id: str, change: Disabled
) -> TenantView:
    """End all access to a tenant's data, or allow it again. Requires `tenants:write`."""
    lifetime = settings.longest_token_lifetime
    return await disable_tenant(
        db, caller, tenant_id, change.disabled, lifetime=lifetime, now=now()
    )
