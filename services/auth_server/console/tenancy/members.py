"""The console's page of an organisation's members and invitations, and of requested apps."""

from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.accounts import require_mail
from auth_server.administration.errors import Refused
from auth_server.administration.paging import USUAL
from auth_server.administration.tenancy.app_requests import answer_app_request, read_app_requests
from auth_server.administration.tenancy.invitations import (
    invite_person,
    read_invitations,
    resend_invitation,
    withdraw_invitation,
)
from auth_server.administration.tenancy.members import read_members, remove_member, set_member
from auth_server.administration.tenants import read_tenant
from auth_server.console.frame import CONSOLE, Console, PostedConsole, ShownConsole
from auth_server.db.engine import DbSession
from auth_server.records.people.store import find_person_by_email
from auth_server.settings import AuthServerSettings
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

PAGE = f"{CONSOLE}/tenant/members"
router = PageRouter()


@router.get(PAGE)
async def show_members(
    request: Request, console: ShownConsole, db: ReadingDb, settings: Settings
) -> Response:
    """List the members, the invitations and the apps that members ask for."""
    return await _answer(console, db, settings, read_query(request))


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
        return await _answer(console, db, settings, form, refused=refused)
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


@router.post(f"{PAGE}/invite")
async def invite(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """Invite a person by mail, whether or not they have an account."""
    tenant_id = form.get("tenant") or ""
    try:
        require_mail(settings)
        await invite_person(
            db,
            console.operator,
            tenant_id,
            form.get("email") or "",
            role=(form.get("role") or "").strip(),
            data_scope=(form.get("data") or "").strip(),
            now=now(),
        )
    except Refused as refused:
        return await _answer(console, db, settings, form, refused=refused)
    return _lead_back(console, tenant_id)


@router.post(f"{PAGE}/invitation")
async def change_invitation(console: PostedConsole, form: Form, db: Db, now: Clock) -> Response:
    """Send the mail of an invitation again, or withdraw the invitation."""
    tenant_id, withdrawn = form.get("tenant") or "", form.get("withdraw")
    if withdrawn is not None:
        await withdraw_invitation(db, console.operator, tenant_id, withdrawn, now=now())
    else:
        again = form.get("again") or ""
        await resend_invitation(db, console.operator, tenant_id, again, now=now())
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
    settings: AuthServerSettings,
    given: Parameters,
    *,
    refused: Refused | None = None,
) -> Response:
    operator, tenant_id = console.operator, given.get("tenant") or ""
    search, after = (given.get("search") or "").strip()[:200], (given.get("after") or "")[:512]
    return console.answer(
        "console/members.html",
        section="tenants",
        status=400 if refused else 200,
        tenant=await read_tenant(db, operator, tenant_id),
        members=await read_members(
            db, operator, tenant_id, search=search, after=after, limit=USUAL
        ),
        invitations=await read_invitations(db, operator, tenant_id),
        requests=await read_app_requests(db, operator, tenant_id),
        mails=settings.can_send_mail,
        asked={"tenant": tenant_id, "search": search},
        after=after,
        given=given if refused else None,
        saved=given.get("saved") == "yes",
        refused=refused,
    )
