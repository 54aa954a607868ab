"""The console's page of admin tokens."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from auth_server.administration.admin_tokens import (
    create_admin_token,
    read_admin_tokens,
    revoke_token,
)
from auth_server.administration.errors import Refused
from auth_server.console.frame import (
    CONSOLE,
    Console,
    PostedConsole,
    ShownConsole,
    posted_console,
)
from auth_server.db.engine import DbSession
from auth_server.rendering.translation import translatable
from auth_server.web.dependencies import Clock, Db, ReadingDb, SecretMaker
from auth_server.web.forms import Parameters
from auth_server.web.posted_form import Form, PostedForm
from auth_server.web.routing import PageRouter

PAGE = f"{CONSOLE}/tokens"
router = PageRouter()
_DAYS = (1, 7, 30, 90, 365)
_posted = PostedForm(repeated=frozenset({"scope"}))
RepeatedForm = Annotated[Parameters, Depends(_posted)]
Posted = Annotated[Console, Depends(posted_console(_posted))]


@router.get(PAGE)
async def list_tokens(console: ShownConsole, db: ReadingDb, now: Clock) -> Response:
    """List the tokens, and offer to create one."""
    return await _answer(console, db, now)


@router.post(PAGE)
async def create_token(
    console: Posted, form: RepeatedForm, db: Db, now: Clock, new_secret: SecretMaker
) -> Response:
    """Create a token and show it once."""
    days = form.get("days") or ""
    console.operator.require("operators:write")
    try:
        if not form.all("scope"):
            raise Refused("scopes", translatable("Choose at least one scope."))
        _, text = await create_admin_token(
            db,
            console.operator,
            secret=new_secret(),
            label=form.get("label") or "",
            scopes=form.all("scope"),
            lifetime=timedelta(days=int(days) if days in map(str, _DAYS) else 90),
            now=now(),
        )
    except Refused as refused:
        return await _answer(console, db, now, given=form, refused=refused)
    return await _answer(console, db, now, created=text)


@router.post(f"{PAGE}/revoke")
async def end_token(console: PostedConsole, form: Form, db: Db, now: Clock) -> Response:
    """Revoke a token."""
    await revoke_token(db, console.operator, form.get("token") or "", now=now())
    return console.lead_back(PAGE)


async def _answer(
    console: Console,
    db: DbSession,
    now: Clock,
    *,
    created: str = "",
    given: Parameters | None = None,
    refused: Refused | None = None,
) -> Response:
    return console.answer(
        "console/tokens.html",
        section="tokens",
        status=400 if refused else 200,
        tokens=await read_admin_tokens(db, console.operator),
        scopes=sorted(console.operator.scopes),
        days=_DAYS,
        at=now(),
        created=created,
        given=given,
        refused=refused,
    )
