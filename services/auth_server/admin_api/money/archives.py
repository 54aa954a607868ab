"""/admin/v1/books/archives: the files of calls that left the call log."""

from functools import partial

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from auth_server.admin_api.authenticate import Caller
from auth_server.admin_api.pages import USUAL_LIMIT, After, Limit, Page
from auth_server.administration.money.archives import (
    ArchiveView,
    ReplayedView,
    read_archives,
    replay_archive,
)
from auth_server.gateway_api.write_calls import write_missing
from auth_server.web.dependencies import Clock, OpenDatabase, Settings, Transaction

router = APIRouter(prefix="/books/archives", tags=["books"])


class Replay(BaseModel):
    """What to do with the calls of an archive that the ledger lacks."""

    model_config = ConfigDict(extra="forbid")

    write: bool = Field(
        default=False,
        description="Whether to add them, which also exports them; else only compare.",
    )


@router.get("")
async def list_archives(
    caller: Caller, settings: Settings, after: After = "", limit: Limit = USUAL_LIMIT
) -> Page[ArchiveView]:
    """List the archives of this server, the newest calls first. Requires `books:read`."""
    folder = settings.call_log_archive
    return Page.of(await read_archives(caller, folder, after=after, limit=limit))


@router.post("/{name}/replay")
async def post_replay(
    caller: Caller,
    database: OpenDatabase,
    transaction: Transaction,
    settings: Settings,
    now: Clock,
    name: str,
    given: Replay,
) -> list[ReplayedView]:
    """Compare an archive with the ledger, tenant by tenant. Requires `books:write`."""
    caller.require("books:write")
    at = now()
    return await replay_archive(
        database,
        transaction,
        caller,
        settings.call_log_archive,
        name,
        write=partial(write_missing, now=at) if given.write else None,
        now=at,
    )
