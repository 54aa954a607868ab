"""The console's page of archives of calls."""

from functools import partial

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.errors import Refused
from auth_server.administration.money.archives import (
    ArchiveView,
    ReplayedView,
    read_archives,
    replay_archive,
)
from auth_server.administration.paging import USUAL, Slice
from auth_server.console.frame import CONSOLE, Console, PostedAlone, ShownAlone
from auth_server.gateway_api.write_calls import write_missing
from auth_server.settings import AuthServerSettings
from auth_server.web.dependencies import Clock, OpenDatabase, Settings, Transaction
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

PAGE = f"{CONSOLE}/books/archives"
router = PageRouter()


@router.get(PAGE)
async def list_archives(request: Request, console: ShownAlone, settings: Settings) -> Response:
    """List the files of calls that left the call log."""
    return await _answer(console, settings, after=(read_query(request).get("after") or "")[:512])


@router.post(PAGE)
async def replay(
    console: PostedAlone,
    form: Form,
    database: OpenDatabase,
    transaction: Transaction,
    settings: Settings,
    now: Clock,
) -> Response:
    """Compare a file with the ledger, or add to the ledger what it lacks."""
    console.operator.require("books:write")
    name, at, writes = form.get("archive") or "", now(), form.get("write") == "yes"
    try:
        found = await replay_archive(
            database,
            transaction,
            console.operator,
            settings.call_log_archive,
            name,
            write=partial(write_missing, now=at) if writes else None,
            now=at,
        )
    except Refused as refused:
        return await _answer(console, settings, refused=refused)
    return await _answer(console, settings, replayed=name, found=found, wrote=writes)


async def _answer(
    console: Console,
    settings: AuthServerSettings,
    *,
    after: str = "",
    replayed: str = "",
    found: list[ReplayedView] | None = None,
    wrote: bool = False,
    refused: Refused | None = None,
) -> Response:
    folder = settings.call_log_archive
    files: Slice[ArchiveView] = Slice([])
    console.operator.require("books:read")
    if folder is not None:
        files = await read_archives(console.operator, folder, after=after, limit=USUAL)
    return console.answer(
        "console/money/archives.html",
        section="books",
        status=400 if refused else 200,
        has_folder=folder is not None,
        archives=files,
        after=after,
        replayed=replayed,
        found=found,
        wrote=wrote,
        refused=refused,
    )
