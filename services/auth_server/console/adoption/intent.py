"""The console's page of what agents tried in vain, and of outdated names that clients still use."""

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.adoption.intent import KINDS, read_intent
from auth_server.administration.adoption.outdated import read_outdated
from auth_server.console.adoption.periods import PERIODS
from auth_server.console.frame import CONSOLE, ShownConsole
from auth_server.console.traffic.usage import read_days
from auth_server.web.dependencies import Clock, ReadingDb, Settings
from auth_server.web.forms import read_query
from auth_server.web.routing import PageRouter

router = PageRouter()


@router.get(f"{CONSOLE}/intent")
async def show_intent(
    request: Request, console: ShownConsole, db: ReadingDb, settings: Settings, now: Clock
) -> Response:
    """Show the tools that agents asked for in vain and why, and the clients that use outdated names."""
    days = read_days(read_query(request))
    resources = [entry.resource for entry in settings.resources]
    return console.answer(
        "console/intent.html",
        section="intent",
        attempts=await read_intent(db, console.operator, resources, days=days, now=now()),
        outdated=await read_outdated(db, console.operator, resources, days=days, now=now()),
        kinds=KINDS,
        days=days,
        periods=PERIODS,
    )
