"""The console's page of the subscriptions at Stripe."""

from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.errors import Refused
from auth_server.administration.money.subscriptions import (
    read_subscriptions,
    refresh_subscription,
)
from auth_server.administration.paging import USUAL
from auth_server.billing.account import BillingInUse
from auth_server.console.frame import CONSOLE, Console, PostedAlone, ShownAlone
from auth_server.db.engine import Database
from auth_server.web.dependencies import OpenDatabase
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

PAGE = f"{CONSOLE}/subscriptions"
router = PageRouter()


@router.get(PAGE)
async def list_subscriptions(
    request: Request, console: ShownAlone, database: OpenDatabase
) -> Response:
    """List the subscriptions as they were last read."""
    return await _answer(console, database, read_query(request))


@router.post(PAGE)
async def refresh(
    console: PostedAlone, form: Form, database: OpenDatabase, billing: BillingInUse
) -> Response:
    """Read the subscription of an organisation at Stripe again."""
    try:
        await refresh_subscription(billing, console.operator, form.get("tenant") or "")
    except Refused as refused:
        return await _answer(console, database, form, refused=refused)
    kept = {"after": (form.get("after") or "")[:512], "saved": "yes"}
    return console.lead_back(f"{PAGE}?{urlencode(kept)}")


async def _answer(
    console: Console,
    database: Database,
    given: Parameters,
    *,
    refused: Refused | None = None,
) -> Response:
    after = (given.get("after") or "")[:512]
    async with database.reading() as db:
        found = await read_subscriptions(db, console.operator, after=after, limit=USUAL)
    return console.answer(
        "console/money/subscriptions.html",
        section="plans",
        status=400 if refused else 200,
        subscriptions=found,
        after=after,
        saved=given.get("saved") == "yes",
        refused=refused,
    )
