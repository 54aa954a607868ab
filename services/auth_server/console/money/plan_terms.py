"""The console's page that replaces the plans."""

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.errors import Refused
from auth_server.administration.money.plan_terms import (
    read_plan_file,
    read_plan_terms,
    replace_plan_terms,
)
from auth_server.console.frame import Console, PostedConsole, ShownConsole
from auth_server.console.money.plans import LIST
from auth_server.db.engine import DbSession
from auth_server.web.dependencies import Clock, Db, ReadingDb
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

PAGE = f"{LIST}/terms"
router = PageRouter()


@router.get(PAGE)
async def show_terms(request: Request, console: ShownConsole, db: ReadingDb) -> Response:
    """Show the plans as a text that can be changed."""
    return await _answer(console, db, saved=read_query(request).get("saved") == "yes")


@router.post(PAGE)
async def replace(console: PostedConsole, form: Form, db: Db, now: Clock) -> Response:
    """Replace the plans, unless others than those that the page showed are in force by now."""
    console.operator.require("plans:write")
    text = form.get("plans") or ""
    try:
        await replace_plan_terms(
            db,
            console.operator,
            read_plan_file(text.encode()),
            confirmed=form.get("shown") or "",
            now=now(),
        )
    except Refused as refused:
        return await _answer(console, db, text=text, shown=form.get("shown"), refused=refused)
    return console.lead_back(f"{PAGE}?saved=yes")


async def _answer(
    console: Console,
    db: DbSession,
    *,
    text: str | None = None,
    shown: str | None = None,
    saved: bool = False,
    refused: Refused | None = None,
) -> Response:
    plans = await read_plan_terms(db, console.operator)
    return console.answer(
        "console/money/plan_terms.html",
        section="plans",
        status=400 if refused else 200,
        text=plans.as_yaml() if text is None else text,
        shown=shown or plans.digest(),
        saved=saved,
        refused=refused,
    )
