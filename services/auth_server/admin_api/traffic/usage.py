"""/admin/v1/usage, /admin/v1/tenants/{tenant_id}/usage and /admin/v1/overview."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BeforeValidator

from auth_server.admin_api.authenticate import Caller
from auth_server.admin_api.pages import USUAL_LIMIT, Limit
from auth_server.administration.usage import (
    Days,
    Overview,
    UsageRow,
    read_overview,
    read_tenant_usage,
    read_usage,
)
from auth_server.metering.usage_report import UsageReport
from auth_server.records.usage.summary import By, Order
from auth_server.web.dependencies import Clock, ReadingDb

router = APIRouter(tags=["usage"])
OneApi = Annotated[str, Query(max_length=32, description="One of several APIs; all by default.")]
Period = Annotated[
    Days,
    # A query has text, and the values are numbers.
    BeforeValidator(lambda days: int(days) if str(days).isdecimal() else days),
    Query(description="1 is the last 24 hours; 7 and 30 are days with today."),
]


@router.get("/usage")
async def show_usage(
    caller: Caller,
    db: ReadingDb,
    now: Clock,
    by: By,
    days: Period = 1,
    order: Order = "calls",
    api: OneApi = "",
    limit: Limit = USUAL_LIMIT,
) -> list[UsageRow]:
    """List the tools, tenants, clients, people or APIs with the most calls. Requires `usage:read`.

    `api` lists the calls of one of several APIs. Calls of no named API, such as those of tools that don't
    exist, have the key "" among the APIs.
    `p95` lists the slowest of the 1,000 with the most calls; of people, it orders those with the most calls.
    """
    return await read_usage(db, caller, by, days=days, order=order, api=api, limit=limit, now=now())


@router.get("/tenants/{tenant_id}/usage")
async def show_tenant_usage(
    caller: Caller, db: ReadingDb, now: Clock, tenant_id: str, api: OneApi = ""
) -> UsageReport:
    """Show a tenant's quotas, units and money of this month, by tool, person, client and API.

    Requires `usage:read`.
    """
    return await read_tenant_usage(db, caller, tenant_id, api=api, now=now())


@router.get("/overview")
async def show_overview(caller: Caller, db: ReadingDb, now: Clock, days: Period = 1) -> Overview:
    """Summarize a period, with the busiest tools, tenants, clients and APIs. Requires `usage:read`."""
    return await read_overview(db, caller, days=days, now=now())
