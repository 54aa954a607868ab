"""/account/playground: an admin of a tenant tries tools as an agent of their own."""

from functools import partial

from fastapi import Request
from starlette.responses import Response

from auth_server.errors import PageError
from auth_server.flow.own_provider import may_act
from auth_server.pages.account.admin import Admin, require_admin
from auth_server.pages.account.frame import Accounts
from auth_server.pages.account.playground.show import AnswerPage, run_tool, show_list, show_tool
from auth_server.pages.account.playground.workshop import Wish, WorkshopInUse, read_wish
from auth_server.web.dependencies import ReadingDb
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

PAGE = "/account/playground"
router = PageRouter()


@router.get(PAGE)
async def list_tools(
    request: Request, db: ReadingDb, accounts: Accounts, workshop: WorkshopInUse
) -> Response:
    """List the tools that an agent of the admin gets."""
    query = read_query(request)
    admin = await require_admin(accounts, query.get("tenant"), db)
    return await show_list(workshop, _wish(query, admin), _in_frame(admin))


@router.get(f"{PAGE}/tool")
async def show(
    request: Request, db: ReadingDb, accounts: Accounts, workshop: WorkshopInUse
) -> Response:
    """Show the form of one tool."""
    query = read_query(request)
    admin = await require_admin(accounts, query.get("tenant"), db)
    return await show_tool(workshop, _wish(query, admin), _in_frame(admin))


@router.post(f"{PAGE}/run")
async def run(form: Form, accounts: Accounts, workshop: WorkshopInUse) -> Response:
    """Call a tool; no database session is open meanwhile."""
    async with workshop.database.reading() as db:
        admin = await require_admin(accounts, form.get("tenant"), db)
    if not _may_run(admin):
        raise PageError(
            "A sign-in for emergencies calls no tools",
            "It opens the settings of the organisation. Sign in with its identity provider to use tools.",
            status=403,
            detail="a break-glass session in the playground",
        )
    admin.account.forms.require(form.get("proof"), "organisation", admin.membership.tenant_id)
    return await run_tool(
        workshop, _wish(form, admin), _in_frame(admin), form.get, by=admin.person_id
    )


def _wish(given: Parameters, admin: Admin) -> Wish:
    tenant_id = admin.membership.tenant_id
    return read_wish(given, tenant_id=tenant_id, person_id=admin.person_id)


def _may_run(admin: Admin) -> bool:
    return may_act(admin.account.signed_in, admin.membership)


def _in_frame(admin: Admin) -> AnswerPage:
    return partial(
        admin.account.answer,
        section="organisations",
        frame="account.html",
        page=PAGE,
        chooses_person=False,
        may_run=_may_run(admin),
        emergency=not _may_run(admin),
        membership=admin.membership,
        proof=admin.proof(),
    )
