"""The console's page of signing keys."""

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.errors import Refused
from auth_server.administration.signing_keys import (
    read_signing_keys,
    rotate_signing_key,
    withdraw_signing_keys,
)
from auth_server.console.frame import CONSOLE, Console, PostedConsole, ShownConsole
from auth_server.db.engine import DbSession
from auth_server.web.dependencies import Clock, Db, KeysInUse, ReadingDb
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

PAGE = f"{CONSOLE}/keys"
router = PageRouter()


@router.get(PAGE)
async def list_keys(request: Request, console: ShownConsole, db: ReadingDb, now: Clock) -> Response:
    """List the published keys."""
    saved = read_query(request).get("saved") == "yes"
    return await _answer(console, db, now, saved=saved)


@router.post(f"{PAGE}/rotate")
async def rotate_key(console: PostedConsole, db: Db, keys: KeysInUse, now: Clock) -> Response:
    """Let the next key sign."""
    await rotate_signing_key(db, console.operator, keys, now=now())
    return console.lead_back(f"{PAGE}?saved=yes")


@router.post(f"{PAGE}/withdraw")
async def withdraw_keys(
    console: PostedConsole, form: Form, db: Db, keys: KeysInUse, now: Clock
) -> Response:
    """Replace a compromised key at once."""
    confirm = (form.get("confirm") or "").strip()
    try:
        await withdraw_signing_keys(db, console.operator, keys, confirm=confirm, now=now())
    except Refused as refused:
        return await _answer(console, db, now, refused=refused)
    return console.lead_back(f"{PAGE}?saved=yes")


async def _answer(
    console: Console,
    db: DbSession,
    now: Clock,
    *,
    saved: bool = False,
    refused: Refused | None = None,
) -> Response:
    return console.answer(
        "console/keys.html",
        section="keys",
        status=400 if refused else 200,
        keys=await read_signing_keys(db, console.operator),
        at=now(),
        saved=saved,
        refused=refused,
    )
