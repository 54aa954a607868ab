"""The console's pages of gateways."""

from collections.abc import Mapping

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.paging import USUAL
from auth_server.administration.services.gateways import Problem, read_gateway, read_gateways
from auth_server.console.frame import CONSOLE, ShownConsole
from auth_server.rendering.translation import translatable
from auth_server.web.dependencies import Clock, ReadingDb
from auth_server.web.forms import read_query
from auth_server.web.routing import PageRouter

LIST = f"{CONSOLE}/gateways"
PAGE = f"{CONSOLE}/gateway"
router = PageRouter()
PROBLEMS: Mapping[Problem, str] = {
    "silent": translatable("No report for more than a minute. The process may have died."),
    "breaker_open": translatable("The API failed repeatedly, and calls to it are paused."),
    "events_waiting": translatable("Call events have waited on its disk for more than a minute."),
    "events_lost": translatable("Call events were lost."),
    "stream_behind": translatable("Call events wait in Redis. Check that an events-worker runs."),
    "redis_down": translatable("Redis does not answer."),
    "revocations_old": translatable("It does not hear which access has ended."),
    "plans_old": translatable("It does not hear of changed plans."),
    "catalogue_kept": translatable("The new tool manifest can't be served; the old one is."),
    "tools_withheld": translatable(
        "Tools differ from what a directory approved, so their changes wait. Acknowledge them."
    ),
    "clock_differs": translatable("Its clock and the server's differ. Synchronise both."),
}


@router.get(LIST)
async def list_gateways(
    request: Request, console: ShownConsole, db: ReadingDb, now: Clock
) -> Response:
    """List the processes of gateways, and what is wrong with each."""
    after = (read_query(request).get("after") or "")[:64]
    return console.answer(
        "console/gateways.html",
        section="gateways",
        gateways=await read_gateways(db, console.operator, after=after, limit=USUAL, now=now()),
        after=after,
        problems=PROBLEMS,
    )


@router.get(PAGE)
async def show_gateway(
    request: Request, console: ShownConsole, db: ReadingDb, now: Clock
) -> Response:
    """Show the last report of one process."""
    instance = (read_query(request).get("instance") or "")[:64]
    return console.answer(
        "console/gateway.html",
        section="gateways",
        gateway=await read_gateway(db, console.operator, instance, now=now()),
        problems=PROBLEMS,
    )
