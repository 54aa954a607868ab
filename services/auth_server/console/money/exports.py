"""The console's pages of exports, and of call events that were refused."""

from functools import partial

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.errors import Refused
from auth_server.administration.money.exports import ShownExports, decide_export, read_exports
from auth_server.administration.money.refused_events import (
    read_refused_events,
    write_refused_event,
)
from auth_server.administration.paging import USUAL
from auth_server.console.frame import CONSOLE, PostedAlone, PostedConsole, ShownConsole
from auth_server.console.money.words import EXPORT_STATES, SYSTEMS
from auth_server.gateway_api.write_again import write_again
from auth_server.rendering.translation import translatable
from auth_server.web.dependencies import Clock, Db, OpenDatabase, ReadingDb, Settings, Transaction
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

PAGE = f"{CONSOLE}/books/exports"
REFUSED = f"{CONSOLE}/books/refused"
router = PageRouter()
_SHOWN: dict[ShownExports, str] = {
    "undecided": translatable("To decide"),
    "sending": translatable("On their way"),
    "all": translatable("All"),
}


@router.get(PAGE)
async def list_exports(request: Request, console: ShownConsole, db: ReadingDb) -> Response:
    """List exports, those first that an operator has to decide about."""
    query = read_query(request)
    shown: ShownExports = next((one for one in _SHOWN if one == query.get("shown")), "undecided")
    after = (query.get("after") or "")[:512]
    return console.answer(
        "console/money/exports.html",
        section="books",
        exports=await read_exports(db, console.operator, shown=shown, after=after, limit=USUAL),
        kinds=_SHOWN,
        shown=shown,
        after=after,
        states=EXPORT_STATES,
        systems=SYSTEMS,
        saved=query.get("saved") == "yes",
    )


@router.post(PAGE)
async def decide(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """Send an export again, or note that the system counted it."""
    console.operator.require("books:write")
    if form.get("decision") not in {"again", "counted"}:
        raise Refused("decision", "must be again or counted")
    await decide_export(
        db,
        console.operator,
        form.get("identifier") or "",
        counted=form.get("decision") == "counted",
        issuer=settings.issuer,
        now=now(),
    )
    return console.lead_back(f"{PAGE}?saved=yes")


@router.get(REFUSED)
async def list_refused(request: Request, console: ShownConsole, db: ReadingDb) -> Response:
    """List the call events that could not be read or stored."""
    query = read_query(request)
    after = (query.get("after") or "")[:512]
    return console.answer(
        "console/money/refused.html",
        section="books",
        events=await read_refused_events(db, console.operator, after=after, limit=USUAL),
        after=after,
        result=None,
    )


@router.post(REFUSED)
async def write_refused(
    console: PostedAlone,
    form: Form,
    database: OpenDatabase,
    transaction: Transaction,
    now: Clock,
) -> Response:
    """Write a refused event again, and say what became of it."""
    result = await write_refused_event(
        database,
        transaction,
        console.operator,
        form.get("digest") or "",
        write_again=partial(write_again, now=now),
        now=now(),
    )
    async with database.reading() as db:
        events = await read_refused_events(db, console.operator, limit=USUAL)
    return console.answer(
        "console/money/refused.html",
        section="books",
        events=events,
        after="",
        result=result,
    )
