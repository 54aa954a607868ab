"""One webhook endpoint in the console: its deliveries, and what an operator changes."""

from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.errors import Refused
from auth_server.administration.services.deliveries import resend_message
from auth_server.administration.services.webhooks import (
    delete_endpoint,
    replace_secret,
    send_test_message,
    switch_endpoint,
)
from auth_server.console.frame import CONSOLE, Console, PostedConsole, ShownConsole
from auth_server.console.services.show_endpoint import show_endpoint
from auth_server.console.services.webhooks import LIST
from auth_server.web.dependencies import Clock, Db, KeysInUse, ReadingDb, SecretMaker
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

PAGE = f"{CONSOLE}/webhook"
router = PageRouter()


@router.get(PAGE)
async def show_webhook(request: Request, console: ShownConsole, db: ReadingDb) -> Response:
    """Show an endpoint and its deliveries."""
    query = read_query(request)
    after, done = (query.get("after") or "")[:512], query.get("done") or ""
    return await show_endpoint(console, db, query.get("endpoint") or "", after=after, done=done)


@router.post(f"{PAGE}/enabled")
async def change_enabled(console: PostedConsole, form: Form, db: Db, now: Clock) -> Response:
    """Send to an endpoint again, or send nothing more to it."""
    endpoint_id, enabled = form.get("endpoint") or "", form.get("enabled") == "yes"
    await switch_endpoint(db, console.operator, endpoint_id, enabled, now=now())
    return _lead_back(console, endpoint_id, "saved")


@router.post(f"{PAGE}/secret")
async def change_secret(
    console: PostedConsole,
    form: Form,
    db: Db,
    keys: KeysInUse,
    new_secret: SecretMaker,
    now: Clock,
) -> Response:
    """Replace the secret, and show the new one once."""
    endpoint_id = form.get("endpoint") or ""
    secret = await replace_secret(
        db, console.operator, endpoint_id, keys=keys, new_secret=new_secret, now=now()
    )
    await db.flush()
    return await show_endpoint(console, db, endpoint_id, secret=secret)


@router.post(f"{PAGE}/test")
async def send_test(
    console: PostedConsole, form: Form, db: Db, new_secret: SecretMaker, now: Clock
) -> Response:
    """Send a message for a test."""
    endpoint_id = form.get("endpoint") or ""
    try:
        await send_test_message(db, console.operator, endpoint_id, new_secret=new_secret, now=now())
    except Refused as refused:
        return await show_endpoint(console, db, endpoint_id, refused=refused)
    return _lead_back(console, endpoint_id, "sent")


@router.post(f"{PAGE}/resend")
async def send_again(console: PostedConsole, form: Form, db: Db, now: Clock) -> Response:
    """Send a message again."""
    endpoint_id, message_id = form.get("endpoint") or "", form.get("message") or ""
    try:
        await resend_message(db, console.operator, endpoint_id, message_id, now=now())
    except Refused as refused:
        return await show_endpoint(console, db, endpoint_id, refused=refused)
    return _lead_back(console, endpoint_id, "sent")


@router.post(f"{PAGE}/remove")
async def remove_webhook(console: PostedConsole, form: Form, db: Db, now: Clock) -> Response:
    """Delete an endpoint with its deliveries."""
    await delete_endpoint(db, console.operator, form.get("endpoint") or "", now=now())
    return console.lead_back(LIST)


def _lead_back(console: Console, endpoint_id: str, done: str) -> Response:
    return console.lead_back(f"{PAGE}?{urlencode({'endpoint': endpoint_id, 'done': done})}")
