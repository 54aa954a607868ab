"""GET and POST /account/organisation/webhooks: an admin lists and adds endpoints of their tenant."""

from collections.abc import Collection
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.pages.account.admin import PAGE, Admin, posted_admin, require_admin
from auth_server.pages.account.frame import Accounts
from auth_server.secrets import NewSecret, hash_secret
from auth_server.web.dependencies import Clock, Db, KeysInUse, ReadingDb, SecretMaker
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import PostedForm
from auth_server.web.routing import PageRouter
from auth_server.webhooks.event_types import types_for
from auth_server.webhooks.manage import NewEndpoint, add_endpoint, find_owned, list_endpoints
from auth_server.webhooks.urls import UnusableEndpoint

router = PageRouter()
WEBHOOKS = f"{PAGE}/webhooks"
_FORM = PostedForm(repeated=frozenset({"type"}))
WebhookForm = Annotated[Parameters, Depends(_FORM)]
PostedAdmin = Annotated[Admin, Depends(posted_admin(_FORM))]


@router.get(WEBHOOKS)
async def show_webhooks(
    request: Request, db: ReadingDb, accounts: Accounts, new_secret: SecretMaker
) -> Response:
    """List a tenant's endpoints, with the form for another one."""
    admin = await require_admin(accounts, read_query(request).get("tenant"), db)
    return await _answer(admin, db, new_secret)


@router.post(WEBHOOKS)
async def add(
    form: WebhookForm,
    admin: PostedAdmin,
    db: Db,
    keys: KeysInUse,
    new_secret: SecretMaker,
    now: Clock,
) -> Response:
    """Add an endpoint and show its secret once; sending the same form again does not add another."""
    tenant_id, url = admin.membership.tenant_id, (form.get("url") or "").strip()
    types = form.all("type")
    # Named after the form, so that a form that is sent again names one that exists.
    nonce = hash_secret(f"{tenant_id} {form.get('nonce') or ''}")
    new = NewEndpoint(tenant_id, url, types, f"endpoint_{nonce[:40]}", by=admin.person_id)
    if await find_owned(db, tenant_id, new.endpoint_id) is not None:
        raise PageError(
            "This endpoint was already added",
            "Its secret is only shown once. If you didn't copy it, replace it on the endpoint's page.",
            status=409,
        )
    try:
        endpoint, secret = await add_endpoint(db, new, keys=keys, new_secret=new_secret, now=now())
    except UnusableEndpoint as error:
        return await _answer(admin, db, new_secret, url=url, types=types, refused=str(error))
    return show_secret(admin, endpoint.endpoint_id, secret)


def show_secret(admin: Admin, endpoint_id: str, secret: str, *, rolled: bool = False) -> Response:
    """Show a new secret, which nobody sees again."""
    return admin.account.answer(
        "account/webhook_secret.html",
        section="organisations",
        membership=admin.membership,
        endpoint_id=endpoint_id,
        secret=secret,
        rolled=rolled,
    )


async def _answer(
    admin: Admin,
    db: DbSession,
    new_secret: NewSecret,
    *,
    url: str = "",
    types: Collection[str] | None = None,
    refused: str = "",
) -> Response:
    offered = types_for(admin.membership.tenant_id)
    return admin.account.answer(
        "account/webhooks.html",
        section="organisations",
        status=400 if refused else 200,
        membership=admin.membership,
        endpoints=await list_endpoints(db, admin.membership.tenant_id),
        offered=offered,
        chosen={kind.name for kind in offered} if types is None else set(types),
        url=url,
        refused=refused,
        nonce=new_secret(),
        proof=admin.proof(),
    )
