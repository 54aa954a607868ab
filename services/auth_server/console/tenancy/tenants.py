"""The console's pages of organisations."""

from collections.abc import Collection
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.errors import Refused
from auth_server.administration.paging import USUAL
from auth_server.administration.tenancy.domains import end_domain, read_domains
from auth_server.administration.tenancy.providers import (
    assign_provider,
    lift_provider_rule,
    read_provider,
)
from auth_server.administration.tenancy.tenant_apps import end_app, read_tenant_apps
from auth_server.administration.tenants import (
    disable_tenant,
    read_tenant,
    read_tenants,
    set_tenant,
)
from auth_server.console.frame import CONSOLE, Console, PostedConsole, ShownConsole
from auth_server.console.lists import read_list_query
from auth_server.db.engine import DbSession
from auth_server.records.plans.store import list_plans
from auth_server.tenancy.tenant_apps import AppKey
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

LIST = f"{CONSOLE}/tenants"
PAGE = f"{CONSOLE}/tenant"
router = PageRouter()


@router.get(LIST)
async def list_tenants(request: Request, console: ShownConsole, db: ReadingDb) -> Response:
    """List and search the organisations."""
    return await _answer_list(request, console, db)


@router.post(LIST)
async def add_tenant(
    request: Request, console: PostedConsole, form: Form, db: Db, now: Clock
) -> Response:
    """Add an organisation."""
    try:
        tenant, _ = await set_tenant(
            db,
            console.operator,
            form.get("tenant") or "",
            name=form.get("name") or "",
            plan=form.get("plan") or "",
            now=now(),
        )
    except Refused as refused:
        return await _answer_list(request, console, db, refused=refused)
    return console.lead_back(f"{PAGE}?{urlencode({'tenant': tenant.tenant_id})}")


@router.get(PAGE)
async def show_tenant(
    request: Request, console: ShownConsole, db: ReadingDb, settings: Settings
) -> Response:
    """Show one organisation."""
    query = read_query(request)
    saved = query.get("saved") == "yes"
    tenant_id = query.get("tenant") or ""
    return await _answer_tenant(console, db, tenant_id, settings.customers_providers, saved=saved)


@router.post(PAGE)
async def change_tenant(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """Change an organisation's name and plan."""
    tenant_id = form.get("tenant") or ""
    await read_tenant(db, console.operator, tenant_id)
    try:
        await set_tenant(
            db,
            console.operator,
            tenant_id,
            name=form.get("name") or "",
            plan=form.get("plan") or "",
            now=now(),
        )
    except Refused as refused:
        customers = settings.customers_providers
        return await _answer_tenant(console, db, tenant_id, customers, refused=refused)
    return _lead_back(console, tenant_id)


@router.post(f"{PAGE}/provider")
async def change_provider(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """Assign an identity provider to an organisation, or none."""
    tenant_id, provider = form.get("tenant") or "", form.get("provider") or None
    customers = settings.customers_providers
    try:
        await assign_provider(
            db,
            console.operator,
            tenant_id,
            provider,
            customers=customers,
            lifetime=settings.longest_token_lifetime,
            now=now(),
        )
    except Refused as refused:
        return await _answer_tenant(console, db, tenant_id, customers, refused=refused)
    return _lead_back(console, tenant_id)


@router.post(f"{PAGE}/domain")
async def remove_domain(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """End the claim on an e-mail domain."""
    tenant_id, domain = form.get("tenant") or "", form.get("domain") or ""
    lifetime = settings.longest_token_lifetime
    try:
        await end_domain(db, console.operator, tenant_id, domain, lifetime=lifetime, now=now())
    except Refused as refused:
        customers = settings.customers_providers
        return await _answer_tenant(console, db, tenant_id, customers, refused=refused)
    return _lead_back(console, tenant_id)


@router.post(f"{PAGE}/app")
async def stop_app(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """Stop connecting an app through the organisation's own provider."""
    tenant_id = form.get("tenant") or ""
    key = AppKey(tenant_id, form.get("client") or "", form.get("resource") or "")
    lifetime = settings.longest_token_lifetime
    await end_app(db, console.operator, key, lifetime=lifetime, now=now())
    return _lead_back(console, tenant_id)


@router.post(f"{PAGE}/provider/rule")
async def lift_rule(console: PostedConsole, form: Form, db: Db, now: Clock) -> Response:
    """Let members of an organisation sign in in every way again."""
    tenant_id = form.get("tenant") or ""
    await lift_provider_rule(db, console.operator, tenant_id, now=now())
    return _lead_back(console, tenant_id)


@router.post(f"{PAGE}/access")
async def change_access(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """End all access to an organisation's data, or allow it again."""
    tenant_id = form.get("tenant") or ""
    lifetime, disabled = settings.longest_token_lifetime, form.get("access") != "allow"
    await disable_tenant(db, console.operator, tenant_id, disabled, lifetime=lifetime, now=now())
    return _lead_back(console, tenant_id)


def _lead_back(console: Console, tenant_id: str) -> Response:
    return console.lead_back(f"{PAGE}?{urlencode({'tenant': tenant_id, 'saved': 'yes'})}")


async def _answer_list(
    request: Request, console: Console, db: DbSession, *, refused: Refused | None = None
) -> Response:
    query = read_list_query(request)
    tenants = await read_tenants(
        db, console.operator, search=query.search, after=query.after, limit=USUAL
    )
    return console.answer(
        "console/tenants.html",
        section="tenants",
        status=400 if refused else 200,
        query=query,
        tenants=tenants,
        plans=await list_plans(db),
        refused=refused,
    )


async def _answer_tenant(
    console: Console,
    db: DbSession,
    tenant_id: str,
    customers: Collection[str],
    *,
    refused: Refused | None = None,
    saved: bool = False,
) -> Response:
    return console.answer(
        "console/tenant.html",
        section="tenants",
        status=400 if refused else 200,
        tenant=await read_tenant(db, console.operator, tenant_id),
        domains=await read_domains(db, console.operator, tenant_id),
        apps=await read_tenant_apps(db, console.operator, tenant_id),
        own=await read_provider(db, console.operator, tenant_id),
        customers=sorted(customers),
        plans=await list_plans(db),
        refused=refused,
        saved=saved,
    )
