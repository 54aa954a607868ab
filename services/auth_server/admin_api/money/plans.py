"""/admin/v1/plans."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from auth_server.admin_api.authenticate import Caller
from auth_server.admin_api.pages import USUAL_LIMIT, After, Limit, Page
from auth_server.administration.money.plan_terms import (
    PlanFile,
    read_plan_terms,
    replace_plan_terms,
)
from auth_server.administration.money.plans import (
    PlanRequestView,
    PlanTenantView,
    PlanView,
    move_tenant,
    read_plan_requests,
    read_plan_tenants,
    read_plans,
)
from auth_server.administration.money.simulation import SimulatedView, read_simulation
from auth_server.web.dependencies import Clock, Db, ReadingDb

router = APIRouter(prefix="/plans", tags=["plans"])


class Move(BaseModel):
    """The tenant that gets a plan."""

    model_config = ConfigDict(extra="forbid")

    tenant_id: str = Field(description="The tenant's id.", max_length=255)


@router.get("")
async def list_plans(caller: Caller, db: ReadingDb) -> list[PlanView]:
    """List the plans in force, and how many tenants have them. Requires `plans:read`."""
    return await read_plans(db, caller)


@router.get("/requests")
async def list_requests(
    caller: Caller, db: ReadingDb, after: After = "", limit: Limit = USUAL_LIMIT
) -> Page[PlanRequestView]:
    """List the members who asked for a larger plan, the newest first. Requires `plans:read`."""
    return Page.of(await read_plan_requests(db, caller, after=after, limit=limit))


@router.get("/terms")
async def show_terms(caller: Caller, db: ReadingDb) -> PlanFile:
    """Show the terms of all plans, in the form in which they are replaced. Requires `plans:read`."""
    return await read_plan_terms(db, caller)


@router.put("/terms")
async def put_terms(caller: Caller, db: Db, now: Clock, wanted: PlanFile) -> PlanFile:
    """Replace all plans; those that tenants have must stay. Requires `plans:write`."""
    return await replace_plan_terms(db, caller, wanted, now=now())


@router.get("/{plan}/simulation")
async def show_simulation(
    caller: Caller,
    db: ReadingDb,
    now: Clock,
    plan: str,
    month: Annotated[
        str,
        Query(max_length=16, description="A month in UTC; empty for the last one that is over."),
    ] = "",
    tenant_id: Annotated[str, Query(max_length=255, description="Only this tenant.")] = "",
    after: After = "",
    limit: Limit = USUAL_LIMIT,
) -> Page[SimulatedView]:
    """Show what a month would have cost each tenant on this plan.

    Requires `plans:read` and `usage:read`.
    """
    found = await read_simulation(
        db, caller, plan, month, tenant_id=tenant_id, after=after, limit=limit, now=now()
    )
    return Page.of(found)


@router.get("/{plan}/tenants")
async def list_tenants_of_plan(
    caller: Caller, db: ReadingDb, plan: str, after: After = "", limit: Limit = USUAL_LIMIT
) -> Page[PlanTenantView]:
    """List the tenants that have a plan, by id. Requires `plans:read`."""
    return Page.of(await read_plan_tenants(db, caller, plan, after=after, limit=limit))


@router.post("/{plan}/tenants")
async def add_tenant(caller: Caller, db: Db, now: Clock, plan: str, given: Move) -> PlanTenantView:
    """Give a tenant this plan, unless a subscription decides about it. Requires `plans:write`."""
    return await move_tenant(db, caller, given.tenant_id, plan=plan, now=now())
