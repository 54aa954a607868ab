"""The console's pages of calls: search, one call's story, and downloads."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.calls import (
    CallQuery,
    CallView,
    export_calls,
    read_call,
    read_calls,
)
from auth_server.administration.paging import USUAL
from auth_server.administration.reasons import OUTCOMES, REASONS, explain
from auth_server.console.frame import CONSOLE, ShownConsole
from auth_server.rendering.headers import PAGE_HEADERS
from auth_server.rendering.translation import translatable
from auth_server.web.dependencies import Clock, OpenDatabase, ReadingDb, Settings
from auth_server.web.downloads import Format, stream_rows
from auth_server.web.forms import Parameters, read_query
from auth_server.web.routing import PageRouter
from gatepost.clock import Now

LIST = f"{CONSOLE}/calls"
PAGE = f"{CONSOLE}/call"
router = PageRouter()
_FIELDS = ("tenant", "person", "client", "tool", "api", "outcome", "reason", "hours")
_LONGEST = 2048
HOURS = {
    "1": translatable("Last hour"),
    "24": translatable("Last 24 hours"),
    "168": translatable("Last 7 days"),
    "720": translatable("Last 30 days"),
}
"""The periods that the page offers, beside the whole call log."""


@router.get(LIST)
async def list_calls(
    request: Request, console: ShownConsole, db: ReadingDb, now: Clock
) -> Response:
    """Search the call log."""
    read = read_query(request)
    given = _read_given(read)
    query = _read_wanted(given, now, after=(read.get("after") or "")[:512])
    answer = console.answer(
        "console/calls.html",
        section="calls",
        calls=await read_calls(db, console.operator, query, limit=USUAL, now=now()),
        given=given,
        after=query.after,
        query=urlencode({name: value for name, value in given.items() if value}),
        hours=HOURS,
        outcomes=OUTCOMES,
        reasons=sorted(REASONS),
        explain=explain,
    )
    # The script of the live list reads the page again.
    policy = PAGE_HEADERS["Content-Security-Policy"]
    answer.headers["Content-Security-Policy"] = f"{policy}; connect-src 'self'"
    return answer


@router.get(f"{LIST}/export")
async def download_calls(
    request: Request, console: ShownConsole, database: OpenDatabase, now: Clock
) -> Response:
    """Download the calls that match."""
    console.operator.require("calls:read")
    read = read_query(request)
    query = _read_wanted(_read_given(read), now)
    batches = export_calls(database, console.operator, query, now=now())
    file_format: Format = "csv" if read.get("format") == "csv" else "ndjson"
    return stream_rows(batches, CallView, file_format, name="calls")


@router.get(PAGE)
async def show_call(
    request: Request, console: ShownConsole, db: ReadingDb, settings: Settings
) -> Response:
    """Tell the story of one call."""
    call_id = read_query(request).get("call") or ""
    story = await read_call(db, console.operator, call_id)
    return console.answer(
        "console/call.html",
        section="calls",
        story=story,
        call=story.call,
        outcomes=OUTCOMES,
        trace_page=settings.trace_page(story.call.trace_id),
    )


def _read_given(read: Parameters) -> dict[str, str]:
    given = {name: (read.get(name) or "").strip()[:_LONGEST] for name in _FIELDS}
    given["hours"] = given["hours"] if given["hours"] in HOURS else ""
    return given


def _read_wanted(given: dict[str, str], now: Now, *, after: str = "") -> CallQuery:
    fields: dict[str, Any] = {**given, "after": after}
    hours = fields.pop("hours")
    since = now() - timedelta(hours=int(hours)) if hours else None
    return CallQuery(**fields, since=since)
