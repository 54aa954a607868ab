"""/console/playground: an operator tries tools as an agent of a person."""

from functools import partial

from fastapi import Request
from starlette.responses import Response

from auth_server.console.frame import CONSOLE, Console, ShownConsole, require_console
from auth_server.pages.account.frame import Accounts
from auth_server.pages.account.playground.show import AnswerPage, run_tool, show_list, show_tool
from auth_server.pages.account.playground.workshop import Wish, WorkshopInUse, read_wish
from auth_server.records.people.store import resolve_person_id
from auth_server.web.dependencies import ReadingDb
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

PAGE = f"{CONSOLE}/playground"
router = PageRouter()


@router.get(PAGE)
async def list_tools(
    request: Request, console: ShownConsole, db: ReadingDb, workshop: WorkshopInUse
) -> Response:
    """List the tools that an agent of a person gets; the person is named by id or address."""
    console.operator.require("calls:read")
    query = read_query(request)
    wish = _wish(query)
    person_id = await resolve_person_id(db, wish.person_id)
    wish = read_wish(query, tenant_id=wish.tenant_id, person_id=person_id)
    return await show_list(workshop, wish, _in_frame(console))


@router.get(f"{PAGE}/tool")
async def show(request: Request, console: ShownConsole, workshop: WorkshopInUse) -> Response:
    """Show the form of one tool."""
    console.operator.require("calls:read")
    return await show_tool(workshop, _wish(read_query(request)), _in_frame(console))


@router.post(f"{PAGE}/run")
async def run(
    request: Request, form: Form, accounts: Accounts, workshop: WorkshopInUse
) -> Response:
    """Call a tool; no database session is open meanwhile."""
    async with workshop.database.reading() as db:
        console = await require_console(request, db, accounts, workshop.settings)
    console.account.forms.require(form.get("proof"), "console")
    console.operator.require("calls:write")
    by = f"operator {console.operator.name}"
    return await run_tool(workshop, _wish(form), _in_frame(console), form.get, by=by)


def _wish(given: Parameters) -> Wish:
    tenant_id, person_id = given.get("tenant") or "", given.get("person") or ""
    return read_wish(given, tenant_id=tenant_id.strip()[:255], person_id=person_id.strip()[:320])


def _in_frame(console: Console) -> AnswerPage:
    return partial(
        console.answer,
        section="playground",
        frame="console.html",
        page=PAGE,
        chooses_person=True,
        may_run=console.operator.may("calls:write"),
        emergency=False,
    )
