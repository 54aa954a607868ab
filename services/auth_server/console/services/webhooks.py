"""The console's list of webhook endpoints."""

from collections.abc import Collection
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.administration.errors import Refused
from auth_server.administration.paging import USUAL
from auth_server.administration.services.webhooks import STATES, create_endpoint, read_endpoints
from auth_server.console.frame import (
    CONSOLE,
    Console,
    ShownConsole,
    posted_console,
)
from auth_server.console.services.show_endpoint import show_endpoint
from auth_server.db.engine import DbSession
from auth_server.web.dependencies import Clock, Db, KeysInUse, ReadingDb, SecretMaker, Settings
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import PostedForm
from auth_server.web.routing import PageRouter
from auth_server.webhooks.event_types import EVENT_TYPES, types_for
from auth_server.webhooks.manage import NewEndpoint

LIST = f"{CONSOLE}/webhooks"
router = PageRouter()
_posted = PostedForm(repeated=frozenset({"type"}))
RepeatedForm = Annotated[Parameters, Depends(_posted)]
Posted = Annotated[Console, Depends(posted_console(_posted))]


@router.get(LIST)
async def list_webhooks(request: Request, console: ShownConsole, db: ReadingDb) -> Response:
    """List and search the endpoints, with the form for another one."""
    return await _answer(request, console, db)


@router.post(LIST)
async def add_webhook(
    request: Request,
    console: Posted,
    form: RepeatedForm,
    db: Db,
    settings: Settings,
    keys: KeysInUse,
    new_secret: SecretMaker,
    now: Clock,
) -> Response:
    """Add an endpoint, and show its secret once."""
    given = {"tenant": form.get("tenant") or "", "url": (form.get("url") or "").strip()}
    # The boxes of types that only the operator receives say so, and don't count for a tenant.
    offered = {kind.name for kind in types_for(given["tenant"] or None)}
    types = tuple(name for name in form.all("type") if name in offered)
    new = NewEndpoint(given["tenant"] or None, given["url"], types, f"endpoint_{new_secret()}")
    try:
        endpoint, secret = await create_endpoint(
            db,
            console.operator,
            new,
            private_hosts=settings.webhook_private_hosts,
            keys=keys,
            new_secret=new_secret,
            now=now(),
        )
    except Refused as refused:
        return await _answer(request, console, db, given=given, types=types, refused=refused)
    await db.flush()
    return await show_endpoint(console, db, endpoint.endpoint_id, secret=secret)


async def _answer(
    request: Request,
    console: Console,
    db: DbSession,
    *,
    given: dict[str, str] | None = None,
    types: Collection[str] | None = None,
    refused: Refused | None = None,
) -> Response:
    query = read_query(request)
    asked = {
        "search": (query.get("search") or "").strip()[:200],
        "state": next((one for one in STATES if one == query.get("state")), ""),
    }
    after = (query.get("after") or "")[:512]
    return console.answer(
        "console/webhooks.html",
        section="webhooks",
        status=400 if refused else 200,
        asked=asked,
        after=after,
        endpoints=await read_endpoints(db, console.operator, **asked, after=after, limit=USUAL),
        types=EVENT_TYPES,
        chosen={kind.name for kind in EVENT_TYPES} if types is None else set(types),
        given=given or {"tenant": "", "url": ""},
        refused=refused,
    )
