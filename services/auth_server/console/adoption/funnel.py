"""The console's page of the way to a first call."""

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.adoption.funnel import LEFT, REFUSED, STEPS, read_funnel
from auth_server.console.adoption.periods import PERIODS
from auth_server.console.frame import CONSOLE, ShownConsole
from auth_server.console.traffic.usage import read_days
from auth_server.web.dependencies import Clock, ReadingDb
from auth_server.web.forms import read_query
from auth_server.web.routing import PageRouter

router = PageRouter()


@router.get(f"{CONSOLE}/funnel")
async def show_funnel(
    request: Request, console: ShownConsole, db: ReadingDb, now: Clock
) -> Response:
    """Show how many apps and people reached each step, and where the others stopped."""
    days = read_days(read_query(request))
    funnel = await read_funnel(db, console.operator, days=days, now=now())
    return console.answer(
        "console/funnel.html",
        section="funnel",
        funnel=funnel,
        most=max((step.times for step in funnel.steps[2:]), default=0),
        words=STEPS,
        stops={**LEFT, **REFUSED},
        days=days,
        periods=PERIODS,
    )
