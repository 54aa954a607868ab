"""/account/organisation/requests: an admin approves or declines the apps that members ask for."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.pages.account.admin import PAGE as ORGANISATION
from auth_server.pages.account.admin import Admin, posted_admin, require_admin
from auth_server.pages.account.frame import Accounts
from auth_server.records.app_requests.store import list_app_requests
from auth_server.records.people.store import find_people
from auth_server.records.tenants.policy import entry_of
from auth_server.tenancy.app_requests import MOST_SHOWN, PAGE, approve_app, decline_app
from auth_server.tenancy.change_policy import ChangeRefused
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form, PostedForm
from auth_server.web.routing import PageRouter

router = PageRouter()
PostedAdmin = Annotated[Admin, Depends(posted_admin(PostedForm()))]


@router.get(PAGE)
async def show_requests(request: Request, db: ReadingDb, accounts: Accounts) -> Response:
    """List the requests, the oldest first."""
    query = read_query(request)
    tenant_id = query.get("tenant")
    admin = await require_admin(accounts, tenant_id, db)
    return await _answer(admin, db, done=query.get("done"))


@router.post(PAGE)
async def answer_request(
    form: Form, admin: PostedAdmin, db: Db, settings: Settings, now: Clock
) -> Response:
    """Approve or decline one request."""
    tenant_id, by = admin.membership.tenant_id, admin.person_id
    done = "approved"
    try:
        if (request_id := form.get("approve")) is not None:
            lifetime = settings.longest_token_lifetime
            await approve_app(db, tenant_id, request_id, by=by, lifetime=lifetime, now=now())
        else:
            done = "declined"
            await decline_app(db, tenant_id, form.get("decline") or "", by=by, now=now())
    except ChangeRefused as error:
        return await _answer(admin, db, refused=str(error))
    return admin.account.lead_back(f"{admin.page.replace(ORGANISATION, PAGE)}&done={done}")


async def _answer(
    admin: Admin, db: DbSession, *, done: str | None = None, refused: str = ""
) -> Response:
    requests = await list_app_requests(db, admin.membership.tenant_id, most=MOST_SHOWN)
    return admin.account.answer(
        "account/requests.html",
        section="organisations",
        status=400 if refused else 200,
        membership=admin.membership,
        requests=[(one, entry_of(one.client_id, one.redirect_host)) for one in requests],
        people=await find_people(db, {one.person_id for one in requests}),
        done=done,
        refused=refused,
        proof=admin.proof(),
    )
