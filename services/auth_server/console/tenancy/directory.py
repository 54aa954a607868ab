"""The console's page of an organisation's directory."""

from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.errors import Refused
from auth_server.administration.tenancy.directory import (
    create_directory_token,
    read_directory,
    revoke_directory_token,
)
from auth_server.administration.tenants import read_tenant
from auth_server.console.frame import CONSOLE, Console, PostedConsole, ShownConsole
from auth_server.db.engine import DbSession
from auth_server.web.dependencies import Clock, Db, ReadingDb, SecretMaker
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
PAGE = f"{CONSOLE}/tenant/directory"


@router.get(PAGE)
async def show_directory(request: Request, console: ShownConsole, db: ReadingDb) -> Response:
    """Show what an organisation's provider keeps here, and its tokens."""
    return await _answer(console, db, read_query(request).get("tenant") or "")


@router.post(PAGE)
async def create_token(
    console: PostedConsole, form: Form, db: Db, now: Clock, new_secret: SecretMaker
) -> Response:
    """Make a token and show it once."""
    tenant_id = form.get("tenant") or ""
    try:
        _, text = await create_directory_token(
            db,
            console.operator,
            tenant_id,
            label=form.get("label") or "",
            data_scope=form.get("data_scope") or "",
            secret=new_secret(),
            now=now(),
        )
    except Refused as refused:
        return await _answer(console, db, tenant_id, given=form, refused=refused)
    return await _answer(console, db, tenant_id, created=text)


@router.post(f"{PAGE}/revoke")
async def end_token(console: PostedConsole, form: Form, db: Db, now: Clock) -> Response:
    """Revoke a token."""
    tenant_id, token_id = form.get("tenant") or "", form.get("token") or ""
    await revoke_directory_token(db, console.operator, tenant_id, token_id, now=now())
    return console.lead_back(f"{PAGE}?{urlencode({'tenant': tenant_id})}")


async def _answer(
    console: Console,
    db: DbSession,
    tenant_id: str,
    *,
    created: str = "",
    given: Parameters | None = None,
    refused: Refused | None = None,
) -> Response:
    return console.answer(
        "console/tenancy/directory.html",
        section="tenants",
        status=400 if refused else 200,
        tenant=await read_tenant(db, console.operator, tenant_id),
        directory=await read_directory(db, console.operator, tenant_id),
        created=created,
        given=given,
        refused=refused,
    )
