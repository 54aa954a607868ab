"""/account/organisation/invitations: an admin invites people, and sends again or withdraws."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.pages.account.admin import PAGE as ORGANISATION
from auth_server.pages.account.admin import Admin, posted_admin, require_admin
from auth_server.pages.account.frame import Accounts
from auth_server.records.invitations.store import list_invitations
from auth_server.records.people.store import find_people
from auth_server.records.tenants.store import list_roles
from auth_server.rendering.translation import translatable
from auth_server.settings import AuthServerSettings
from auth_server.tenancy.change_policy import ChangeRefused
from auth_server.tenancy.invitations import invite, send_again, withdraw
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import Form, PostedForm
from auth_server.web.routing import PageRouter
from gatepost.clock import Now
from gatepost.data_scope import MalformedDataScope, parse_data_scope

router = PageRouter()
PAGE = f"{ORGANISATION}/invitations"
PostedAdmin = Annotated[Admin, Depends(posted_admin(PostedForm()))]


@router.get(PAGE)
async def show_invitations(
    request: Request, db: ReadingDb, accounts: Accounts, settings: Settings, now: Clock
) -> Response:
    """List the open and expired invitations, with a form for another one."""
    query = read_query(request)
    admin = await require_admin(accounts, query.get("tenant"), db)
    return await _answer(admin, db, settings, now, done=query.get("done"))


@router.post(PAGE)
async def send_invitation(
    form: Form, admin: PostedAdmin, db: Db, settings: Settings, now: Clock
) -> Response:
    """Invite one person."""
    try:
        await invite(
            db,
            form.get("email") or "",
            admin.membership.tenant_id,
            role=(form.get("role") or "").strip(),
            data_scope=parse_data_scope(form.get("data_scope") or ""),
            by=admin.person_id,
            language=admin.account.pages.language,
            now=now(),
        )
    except ChangeRefused as error:
        return await _answer(admin, db, settings, now, given=form, refused=str(error))
    except MalformedDataScope:
        text = translatable("The data must be entries such as team:sales, separated by spaces.")
        return await _answer(admin, db, settings, now, given=form, refused=text)
    return admin.account.lead_back(_back(admin, "sent"))


@router.post(f"{PAGE}/change")
async def change_invitation(
    form: Form, admin: PostedAdmin, db: Db, settings: Settings, now: Clock
) -> Response:
    """Send an invitation again, or withdraw it."""
    tenant_id, by = admin.membership.tenant_id, admin.person_id
    language = admin.account.pages.language
    try:
        if (again := form.get("again")) is not None:
            await send_again(db, tenant_id, again, by=by, language=language, now=now())
            return admin.account.lead_back(_back(admin, "sent"))
        await withdraw(db, tenant_id, form.get("withdraw") or "", by=by, now=now())
    except ChangeRefused as error:
        return await _answer(admin, db, settings, now, refused=str(error))
    return admin.account.lead_back(_back(admin, "withdrawn"))


def _back(admin: Admin, done: str) -> str:
    return f"{admin.page.replace(ORGANISATION, PAGE)}&done={done}"


async def _answer(
    admin: Admin,
    db: DbSession,
    settings: AuthServerSettings,
    now: Now,
    *,
    given: Parameters | None = None,
    refused: str = "",
    done: str | None = None,
) -> Response:
    tenant_id = admin.membership.tenant_id
    invitations = await list_invitations(db, tenant_id)
    return admin.account.answer(
        "account/invitations.html",
        section="organisations",
        status=400 if refused else 200,
        membership=admin.membership,
        invitations=invitations,
        people=await find_people(db, {one.invited_by for one in invitations if one.invited_by}),
        roles=await list_roles(db, tenant_id),
        now=now(),
        email=(given and given.get("email")) or "",
        role=(given and given.get("role")) or "member",
        data_scope=(given.get("data_scope") or "") if given else str(admin.membership.data_scope),
        mails=settings.can_send_mail,
        refused=refused,
        done=done,
        proof=admin.proof(),
    )
