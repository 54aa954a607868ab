"""GET /api/usage: a tenant's plan and usage, for the operator's own pages."""

from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from auth_server.client_authentication.authenticate import Authenticator
from auth_server.errors import InvalidRequest, UnauthorizedClient
from auth_server.metering.usage_report import choose_plan, read_usage_report
from auth_server.records.billing_accounts.store import find_account
from auth_server.records.billing_accounts.table import BillingAccount
from auth_server.records.plans.store import list_plans
from auth_server.records.quota_notices.store import list_notices
from auth_server.records.quota_notices.table import QuotaNotice
from auth_server.records.tenants.store import find_tenant
from auth_server.web.dependencies import Clock, OpenDatabase, Settings
from auth_server.web.forms import Parameters, read_query, reject_repeats
from auth_server.web.routing import MachineRouter
from gatepost.metering.plans import start_of_month

USAGE_REPORT_PATH = "/api/usage"

router = MachineRouter()


@router.get(USAGE_REPORT_PATH)
async def show_usage(
    request: Request,
    authenticator: Authenticator,
    database: OpenDatabase,
    settings: Settings,
    now: Clock,
) -> Response:
    """Return the report of the tenant that the query names.

    The caller is a managed client with `introspects`, which authenticates with HTTP Basic.

    Raises:
        InvalidClient: the client did not authenticate.
        UnauthorizedClient: it is another kind of client.
        InvalidRequest: the tenant does not exist.
    """
    client = await authenticator.authenticate(Parameters({}), request)
    if client.source != "managed" or not client.introspects:
        raise UnauthorizedClient("only a client that may introspect every token can read usage")
    query = read_query(request)
    reject_repeats(query)
    tenant_id = query.require("tenant")
    async with database.reading() as db:
        tenant = await find_tenant(db, tenant_id)
        if tenant is None:
            raise InvalidRequest("tenant names no tenant")
        plan = choose_plan(await list_plans(db), tenant)
        report = await read_usage_report(db, tenant, plan, api=query.get("api") or "", now=now())
        account = await find_account(db, tenant_id)
        notices = await list_notices(db, tenant_id, since=start_of_month(now()))
    body = {
        **report.model_dump(mode="json"),
        # Without an id, the tenant only looked at Checkout.
        "subscription": _describe(account) if account and account.subscription_id else None,
        "notices": [_describe_notice(notice) for notice in notices],
        "plan_url": settings.plan_page(tenant_id),
    }
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


def _describe_notice(notice: QuotaNotice) -> dict[str, Any]:
    fields = {"kind", "key", "period", "percent", "used", "at"}
    return {**notice.model_dump(mode="json", include=fields), "limit": notice.units_limit}


def _describe(account: BillingAccount) -> dict[str, Any]:
    fields = {"status", "plan", "period_start", "period_end", "ends_at"}
    return account.model_dump(mode="json", include=fields)
