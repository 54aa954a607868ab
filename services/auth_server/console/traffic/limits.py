"""The console's page of tenants at or near a limit."""

from collections.abc import AsyncIterator, Mapping, Sequence

from starlette.responses import Response

from auth_server.administration.limits import LimitView, read_limits
from auth_server.console.frame import CONSOLE, ShownConsole
from auth_server.rendering.translation import translatable
from auth_server.web.dependencies import Clock, ReadingDb
from auth_server.web.downloads import stream_rows
from auth_server.web.routing import PageRouter

PAGE = f"{CONSOLE}/limits"
router = PageRouter()
KINDS: Mapping[str, str] = {
    "day": translatable("Daily quota"),
    "month": translatable("Monthly quota"),
    "tenant": translatable("Spend cap"),
    "person": translatable("Budget of a member"),
    "client": translatable("Budget of an app"),
    "grant": translatable("Budget of an API key"),
}


@router.get(PAGE)
async def list_limits(console: ShownConsole, db: ReadingDb, now: Clock) -> Response:
    """List the quotas and budgets that are used up or nearly so."""
    limits = await read_limits(db, console.operator, now=now())
    return console.answer("console/limits.html", section="limits", limits=limits, kinds=KINDS)


@router.get(f"{PAGE}/export")
async def download_limits(console: ShownConsole, db: ReadingDb, now: Clock) -> Response:
    """Download them as CSV."""
    limits = await read_limits(db, console.operator, now=now())

    async def once() -> AsyncIterator[Sequence[LimitView]]:
        yield limits

    return stream_rows(once(), LimitView, "csv", name="limits")
