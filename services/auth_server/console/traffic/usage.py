"""The console's overview and its page of usage."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple, TypeVar, get_args

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.calls import CallQuery, read_calls
from auth_server.administration.limits import read_limits
from auth_server.administration.paging import MOST
from auth_server.administration.reasons import OUTCOMES
from auth_server.administration.usage import (
    DAYS,
    Days,
    UsageRow,
    list_used_apis,
    read_overview,
    read_usage,
)
from auth_server.console.frame import CONSOLE, Console, ShownConsole
from auth_server.console.traffic.chart import draw_traffic
from auth_server.console.traffic.limits import KINDS as LIMITS
from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.records.usage.summary import By, Order
from auth_server.rendering.translation import translatable
from auth_server.web.dependencies import Clock, ReadingDb
from auth_server.web.downloads import stream_rows
from auth_server.web.forms import Parameters, read_query
from auth_server.web.routing import PageRouter
from gatepost.clock import Now

PAGE = f"{CONSOLE}/usage"
router = PageRouter()
PERIODS: Mapping[Days, str] = {
    1: translatable("24 hours"),
    7: translatable("7 days"),
    30: translatable("30 days"),
}
KINDS: Mapping[By, str] = {
    "tool": translatable("Tools"),
    "tenant": translatable("Organisations"),
    "client": translatable("Apps"),
    "person": translatable("People"),
    "api": translatable("APIs"),
}
_LISTED = 8
_ROWS = 100
_LONGEST_API = 32
_CHOICES = {
    "by": translatable("“by” in the address must be tool, tenant, client, person or api."),
    "order": translatable("“order” in the address must be calls, errors, refused, units or p95."),
    "days": translatable("“days” in the address must be 1, 7 or 30."),
}
T = TypeVar("T")


class _Wanted(NamedTuple):
    """What a page of usage lists, as its address says."""

    by: By
    order: Order
    days: Days
    api: str

    @property
    def query(self) -> dict[str, str | int]:
        """The query of the page; the API only if one is chosen."""
        return {name: value for name, value in self._asdict().items() if value}


@router.get(CONSOLE)
async def show_overview(
    request: Request, console: ShownConsole, db: ReadingDb, now: Clock
) -> Response:
    """Show the traffic of a period, and the last errors."""
    days, operator = read_days(read_query(request)), console.operator
    overview = await read_overview(db, operator, days=days, now=now())
    errors = None
    if operator.may("calls:read"):
        failed = CallQuery(outcome="error", since=overview.since)
        errors = (await read_calls(db, operator, failed, limit=_LISTED, now=now())).rows
    return console.answer(
        "console/overview.html",
        section="overview",
        overview=overview,
        chart=draw_traffic(overview.points),
        errors=errors,
        limits=(await read_limits(db, operator, now=now()))[:_LISTED],
        kinds=LIMITS,
        outcomes=OUTCOMES,
        days=days,
        periods=PERIODS,
    )


@router.get(PAGE)
async def show_usage(
    request: Request, console: ShownConsole, db: ReadingDb, now: Clock
) -> Response:
    """List the tools, organisations, apps or people with the most calls."""
    wanted = _read_wanted(read_query(request))
    rows = await _read_rows(db, console, wanted, limit=_ROWS, now=now)
    apis = await list_used_apis(db, console.operator, now=now())
    several = bool(apis) or wanted.by == "api"
    return console.answer(
        "console/usage.html",
        section="usage",
        rows=rows,
        wanted=wanted,
        days=wanted.days,
        periods=PERIODS,
        kinds={kind: title for kind, title in KINDS.items() if several or kind != "api"},
        # The table of all APIs needs no choice of one.
        apis=[] if wanted.by == "api" and not wanted.api else sorted({*apis, wanted.api} - {""}),
    )


@router.get(f"{PAGE}/export")
async def download_usage(
    request: Request, console: ShownConsole, db: ReadingDb, now: Clock
) -> Response:
    """Download the rows of the page, and up to 200, as CSV."""
    wanted = _read_wanted(read_query(request))
    rows = await _read_rows(db, console, wanted, limit=MOST, now=now)

    async def once() -> AsyncIterator[Sequence[UsageRow]]:
        yield rows

    return stream_rows(once(), UsageRow, "csv", name=f"usage-by-{wanted.by}")


async def _read_rows(
    db: DbSession, console: Console, wanted: _Wanted, *, limit: int, now: Now
) -> list[UsageRow]:
    by, order, days, api = wanted
    return await read_usage(
        db, console.operator, by, days=days, order=order, api=api, limit=limit, now=now()
    )


def _read_wanted(query: Parameters) -> _Wanted:
    by: By = _choose(query, "by", get_args(By), "tool")
    order: Order = _choose(query, "order", get_args(Order), "calls")
    return _Wanted(by, order, read_days(query), (query.get("api") or "")[:_LONGEST_API])


def read_days(query: Parameters) -> Days:
    """Read the period of a page.

    Raises:
        PageError: it is not one of `DAYS`.
    """
    return _choose(query, "days", DAYS, 1)


def _choose(query: Parameters, name: str, choices: Sequence[T], usual: T) -> T:
    given = query.get(name)
    if not given:
        return usual
    for choice in choices:
        if str(choice) == given:
            return choice
    raise PageError("Invalid request", _CHOICES[name], detail=f"unknown {name}")
