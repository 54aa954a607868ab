"""GET and POST /account/organisation/webhook: an admin sees one endpoint's deliveries, and changes it."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.pages.account.admin import PAGE, Admin, posted_admin, require_admin
from auth_server.pages.account.frame import Accounts
from auth_server.pages.account.webhooks.endpoints import WEBHOOKS, show_secret
from auth_server.web.dependencies import Clock, Db, KeysInUse, ReadingDb, SecretMaker
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form, PostedForm
from auth_server.web.routing import PageRouter
from auth_server.webhooks.event_types import types_for
from auth_server.webhooks.manage import (
    Endpoint,
    enable_endpoint,
    find_owned,
    list_deliveries,
    remove_endpoint,
    resend_delivery,
    roll_secret,
    send_test,
)
from auth_server.webhooks.urls import UnusableEndpoint

router = PageRouter()
WEBHOOK = f"{PAGE}/webhook"
PostedAdmin = Annotated[Admin, Depends(posted_admin(PostedForm()))]


@router.get(WEBHOOK)
async def show_webhook(request: Request, db: ReadingDb, accounts: Accounts) -> Response:
    """Show an endpoint and its newest deliveries."""
    query = read_query(request)
    admin = await require_admin(accounts, query.get("tenant"), db)
    return await _answer(admin, query.get("endpoint"), db, done=query.get("done") or "")


@router.post(WEBHOOK)
async def change_webhook(
    form: Form,
    admin: PostedAdmin,
    db: Db,
    keys: KeysInUse,
    new_secret: SecretMaker,
    now: Clock,
) -> Response:
    """Do what the pressed button says."""
    owner, by = admin.membership.tenant_id, admin.person_id
    endpoint_id, done = form.get("endpoint") or "", ""
    message_id = form.get("resend")
    await _require(admin, endpoint_id, db)
    try:
        if message_id is not None:
            await resend_delivery(db, owner, endpoint_id, message_id, now=now(), by=by)
            done = "sent"
        elif form.get("do") == "roll":
            secret = await roll_secret(
                db, owner, endpoint_id, keys=keys, new_secret=new_secret, now=now(), by=by
            )
            return show_secret(admin, endpoint_id, secret, rolled=True)
        elif form.get("do") == "test":
            await send_test(db, owner, endpoint_id, new_secret=new_secret, now=now())
            done = "sent"
        elif form.get("do") == "enable":
            await enable_endpoint(db, owner, endpoint_id, now=now(), by=by)
        elif form.get("do") == "remove":
            await remove_endpoint(db, owner, endpoint_id, now=now(), by=by)
            return admin.account.lead_back(f"{WEBHOOKS}?{_query(admin)}")
    except UnusableEndpoint as error:
        return await _answer(admin, endpoint_id, db, refused=str(error))
    return admin.account.lead_back(
        f"{WEBHOOK}?{_query(admin)}&{urlencode({'endpoint': endpoint_id, 'done': done})}"
    )


async def _require(admin: Admin, endpoint_id: str | None, db: DbSession) -> Endpoint:
    endpoint = await find_owned(db, admin.membership.tenant_id, endpoint_id or "")
    if endpoint is None:
        raise PageError(
            "Endpoint not found",
            "It may have been removed. Go back and reload the page.",
            status=404,
        )
    return endpoint


async def _answer(
    admin: Admin, endpoint_id: str | None, db: DbSession, *, done: str = "", refused: str = ""
) -> Response:
    endpoint = await _require(admin, endpoint_id, db)
    owner = admin.membership.tenant_id
    return admin.account.answer(
        "account/webhook.html",
        section="organisations",
        status=400 if refused else 200,
        membership=admin.membership,
        endpoint=endpoint,
        meanings=[kind for kind in types_for(owner) if kind.name in endpoint.types],
        deliveries=await list_deliveries(db, owner, endpoint.endpoint_id),
        done=done,
        refused=refused,
        proof=admin.proof(),
    )


def _query(admin: Admin) -> str:
    return urlencode({"tenant": admin.membership.tenant_id})
