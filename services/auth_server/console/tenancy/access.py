"""The console's page of what reaches an organisation's data: connections, API keys, services."""

from datetime import datetime
from urllib.parse import urlencode

from fastapi import Request
from pydantic import ValidationError
from starlette.responses import Response

from auth_server.administration.errors import Refused, refuse
from auth_server.administration.paging import USUAL
from auth_server.administration.tenancy.api_keys import end_tenant_key, read_tenant_keys
from auth_server.administration.tenancy.connections import (
    end_connection,
    end_tenant_sub_agent,
    read_connections,
)
from auth_server.administration.tenancy.service_clients import (
    NewServiceClient,
    add_service_client,
    end_service_client,
    read_service_clients,
)
from auth_server.administration.tenants import read_tenant
from auth_server.console.frame import CONSOLE, Console, PostedConsole, ShownConsole
from auth_server.db.engine import DbSession
from auth_server.settings import AuthServerSettings
from auth_server.web.dependencies import Clock, Db, ReadingDb, SecretMaker, Settings
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

PAGE = f"{CONSOLE}/tenant/connections"
router = PageRouter()


@router.get(PAGE)
async def show_access(
    request: Request, console: ShownConsole, db: ReadingDb, settings: Settings, now: Clock
) -> Response:
    """List the connections, API keys and service clients."""
    return await _answer(console, db, settings, read_query(request), now=now())


@router.post(f"{PAGE}/end")
async def end_access(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """End a connection, a sub-agent, an API key or a service client, as the pressed button says."""
    tenant_id, lifetime, at = form.get("tenant") or "", settings.longest_token_lifetime, now()
    operator = console.operator
    if key_id := form.get("key"):
        await end_tenant_key(db, operator, tenant_id, key_id, lifetime=lifetime, now=at)
    elif delegation_id := form.get("delegation"):
        await end_tenant_sub_agent(db, operator, tenant_id, delegation_id, now=at)
    elif client_id := form.get("client"):
        await end_service_client(db, operator, tenant_id, client_id, lifetime=lifetime, now=at)
    else:
        grant_id = form.get("grant") or ""
        await end_connection(db, operator, tenant_id, grant_id, lifetime=lifetime, now=at)
    return console.lead_back(f"{PAGE}?{urlencode({'tenant': tenant_id, 'saved': 'yes'})}")


@router.post(f"{PAGE}/service")
async def add_service(
    console: PostedConsole,
    form: Form,
    db: Db,
    settings: Settings,
    now: Clock,
    new_secret: SecretMaker,
) -> Response:
    """Add a service client, and show its secret once."""
    secret = new_secret()
    try:
        await add_service_client(
            db,
            console.operator,
            form.get("tenant") or "",
            _read(form),
            resources=settings.resource_names,
            secret=secret,
            now=now(),
        )
    except Refused as refused:
        return await _answer(console, db, settings, form, now=now(), refused=refused)
    return await _answer(console, db, settings, form, now=now(), secret=secret)


def _read(form: Parameters) -> NewServiceClient:
    given = {
        "client_id": (form.get("client") or "").strip(),
        "name": (form.get("name") or "").strip(),
        "resource": form.get("resource") or "",
        "scope": (form.get("scope") or "").strip(),
        "tools": (form.get("tools") or "").split(),
        "data_scope": (form.get("data") or "").strip(),
    }
    try:
        return NewServiceClient.model_validate(given)
    except ValidationError as error:
        raise refuse(error) from None


async def _answer(
    console: Console,
    db: DbSession,
    settings: AuthServerSettings,
    given: Parameters,
    *,
    now: datetime,
    secret: str = "",
    refused: Refused | None = None,
) -> Response:
    operator, tenant_id = console.operator, given.get("tenant") or ""
    after = (given.get("after") or "")[:512]
    return console.answer(
        "console/tenancy/access.html",
        section="tenants",
        status=400 if refused else 200,
        tenant=await read_tenant(db, operator, tenant_id),
        connections=await read_connections(
            db, operator, tenant_id, after=after, limit=USUAL, now=now
        ),
        keys=await read_tenant_keys(db, operator, tenant_id),
        services=await read_service_clients(db, operator, tenant_id),
        resources=settings.resource_names,
        asked={"tenant": tenant_id},
        after=after,
        given=given if refused else None,
        secret=secret,
        saved=given.get("saved") == "yes",
        refused=refused,
    )
