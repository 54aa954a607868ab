"""/admin/v1/calls."""

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from auth_server.admin_api.authenticate import Caller
from auth_server.admin_api.pages import USUAL_LIMIT, After, Instant, Limit
from auth_server.administration.calls import (
    CallQuery,
    CallStory,
    CallView,
    export_calls,
    read_call,
    read_calls,
)
from auth_server.web.dependencies import Clock, OpenDatabase, ReadingDb
from auth_server.web.downloads import Format, stream_rows

router = APIRouter(prefix="/calls", tags=["calls"])
_Text = Annotated[str, Query(max_length=2048)]


class CallsPage(BaseModel):
    """A part of the call log."""

    items: list[CallView]
    next: str | None = Field(
        description="Send it as `after` for the following page; null at the end."
    )
    is_partial: bool = Field(
        description="Whether the search stopped before the page was full, to stay fast; "
        "the following page goes on."
    )


async def _read_query(  # noqa: PLR0913 - one for each parameter
    tenant: _Text = "",
    person: Annotated[
        str, Query(max_length=2048, description="A person's id or e-mail address.")
    ] = "",
    client: _Text = "",
    tool: _Text = "",
    api: _Text = "",
    outcome: Literal["", "success", "error", "refused", "unknown"] = "",
    reason: _Text = "",
    since: Instant | None = None,
    until: Instant | None = None,
) -> CallQuery:
    return CallQuery(tenant, person, client, tool, outcome, reason, since, until, api=api)


Wanted = Annotated[CallQuery, Depends(_read_query)]


@router.get("")
async def list_calls(
    caller: Caller,
    db: ReadingDb,
    now: Clock,
    wanted: Wanted,
    after: After = "",
    limit: Limit = USUAL_LIMIT,
) -> CallsPage:
    """Search the call log, the newest calls first. Requires `calls:read`."""
    query = replace(wanted, after=after)
    page = await read_calls(db, caller, query, limit=limit, now=now())
    return CallsPage(items=list(page.rows), next=page.next or None, is_partial=page.is_partial)


@router.get("/export", response_class=StreamingResponse)
async def export_call_log(
    caller: Caller,
    database: OpenDatabase,
    now: Clock,
    wanted: Wanted,
    format: Format = "ndjson",
) -> Response:
    """Download the calls that match as a file, at most 100,000. Requires `calls:read`."""
    caller.require("calls:read")
    batches = export_calls(database, caller, wanted, now=now())
    return stream_rows(batches, CallView, format, name="calls")


@router.get("/{call_id}")
async def show_call(caller: Caller, db: ReadingDb, call_id: str) -> CallStory:
    """Tell what allowed a call, what happened, and what it cost. Requires `calls:read`."""
    return await read_call(db, caller, call_id)
