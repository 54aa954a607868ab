"""The console's page of an organisation's members, and of the apps that they ask for."""

from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.errors import Refused
from auth_server.administration.paging import USUAL
from auth_server.administration.tenancy.app_requests import answer_app_request, read_app_requests
from auth_server.administration.tenancy.members import read_members, remove_member, set_member
from auth_server.administration.tenants import read_tenant
from auth_server.console.frame import CONSOLE, Console, PostedConsole, ShownConsole
from auth_server.db.engine import DbSession
from auth_server.records.people.store import find_person_by_email
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

PAGE = f"{CONSOLE}/tenant/members"
router = PageRouter()


@router.get(PAGE)
async def show_members(request: Request, console: ShownConsole, db: ReadingDb) -> Response:
    """List the members, and the apps that they ask for."""
    query = read_query(request)
    search, after = (query.get("search") or "").strip()[:200], (query.get("after") or "")[:512]
    saved = query.get("saved") == "yes"
    tenant_id = query.get("tenant") or ""
    return await _answer(console, db, tenant_id, search=search, after=after, saved=saved)


@router.post(PAGE)
async def put_member(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """Make a person with an account a member, or change their role and data."""
    console.operator.require("tenants:write")
    tenant_id = form.get("tenant") or ""
    try:
        person = await find_person_by_email(db, form.get("email") or "")
        if person is None:
            raise Refused("email", "no account has this address")
        await set_member(
            db,
            console.operator,
            tenant_id,
            person.person_id,
            role=(form.get("role") or "").strip(),
            data_scope=(form.get("data") or "").strip(),
            lifetime=settings.longest_token_lifetime,
            now=now(),
        )
    except Refused as refused:
        return await _answer(console, db, tenant_id, refused=refused)
    return _lead_back(console, tenant_id)


@router.post(f"{PAGE}/remove")
async def end_member(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """Remove a member, with their connections and API keys here."""
    tenant_id, lifetime = form.get("tenant") or "", settings.longest_token_lifetime
    person_id = form.get("person") or ""
    await remove_member(db, console.operator, tenant_id, person_id, lifetime=lifetime, now=now())
    return _lead_back(console, tenant_id)


@router.post(f"{PAGE}/request")
async def answer_request(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """Approve or decline the request for an app."""
    tenant_id, lifetime = form.get("tenant") or "", settings.longest_token_lifetime
    approve = form.get("approve")
    request_id = approve or form.get("decline") or ""
    await answer_app_request(
        db,
        console.operator,
        tenant_id,
        request_id,
        approve is not None,
        lifetime=lifetime,
        now=now(),
    )
    return _lead_back(console, tenant_id)


def _lead_back(console: Console, tenant_id: str) -> Response:
    return console.lead_back(f"{PAGE}?{urlencode({'tenant': tenant_id, 'saved': 'yes'})}")


async def _answer(
    console: Console,
    db: DbSession,
    tenant_id: str,
    *,
    search: str = "",
    after: str = "",
    saved: bool = False,
    refused: Refused | None = None,
) -> Response:
    operator = console.operator
    return console.answer(
        "console/members.html",
        section="tenants",
        status=400 if refused else 200,
        tenant=await read_tenant(db, operator, tenant_id),
        members=await read_members(
            db, operator, tenant_id, search=search, after=after, limit=USUAL
        ),
        requests=await read_app_requests(db, operator, tenant_id),
        asked={"tenant": tenant_id, "search": search},
        after=after,
        saved=saved,
        refused=refused,
    )
