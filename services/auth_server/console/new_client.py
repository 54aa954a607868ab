"""The console's page that adds an app that operators manage."""

import json
from typing import Any

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.errors import Refused
from auth_server.administration.new_clients import add_client, read_new_client
from auth_server.console.clients import LIST, lead_back
from auth_server.console.frame import Console, PostedConsole, ShownConsole
from auth_server.rendering.translation import translatable
from auth_server.settings import AuthServerSettings
from auth_server.web.dependencies import Clock, Db, SecretMaker, Settings
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

PAGE = f"{LIST}/new"
METHODS = {
    "none": translatable("nothing, for apps on people's machines"),
    "client_secret_basic": translatable("a secret in the header"),
    "client_secret_post": translatable("a secret in the body"),
    "private_key_jwt": translatable("a signature with its own key"),
}
"""How clients authenticate at the token endpoint."""
router = PageRouter()


@router.get(PAGE)
async def show_form(request: Request, console: ShownConsole, settings: Settings) -> Response:
    """Show the form."""
    console.operator.require("clients:write")
    return _answer(console, settings, read_query(request))


@router.post(PAGE)
async def add(
    console: PostedConsole,
    form: Form,
    db: Db,
    settings: Settings,
    now: Clock,
    new_secret: SecretMaker,
) -> Response:
    """Add an app, and show its secret once."""
    secret = new_secret()
    try:
        new = read_new_client(_read(form))
        await add_client(
            db,
            console.operator,
            new,
            resources=settings.resource_names,
            secret=secret if new.has_secret else None,
            now=now(),
        )
    except Refused as refused:
        return _answer(console, settings, form, refused=refused)
    if not new.has_secret:
        return lead_back(console, new.client_id)
    return console.answer(
        "console/client_added.html",
        section="clients",
        client_id=new.client_id,
        name=new.name,
        secret=secret,
    )


def _read(form: Parameters) -> dict[str, Any]:
    tenant, keys = (form.get("tenant") or "").strip(), form.get("jwks")
    try:
        jwks = None if keys is None else json.loads(keys)
    except (ValueError, RecursionError):
        raise Refused("jwks", "must be JSON") from None
    own = {
        "tenant": tenant,
        "resources": form.all("resource"),
        "scope": (form.get("scope") or "").strip(),
        "tools": (form.get("tools") or "").split(),
        "data_scope": (form.get("data") or "").strip(),
    }
    return {
        "client_id": (form.get("client") or "").strip(),
        "name": (form.get("name") or "").strip(),
        "redirect_uris": (form.get("redirect_uris") or "").split(),
        "post_logout_redirect_uris": (form.get("post_logout_redirect_uris") or "").split(),
        "token_endpoint_auth_method": form.get("method") or "none",
        "jwks": jwks,
        "jwks_uri": (form.get("jwks_uri") or "").strip() or None,
        "introspects": form.get("introspects") == "yes",
        "must_push": form.get("must_push") == "yes",
        "device": form.get("device") == "yes",
        "own_tokens": own if tenant else None,
    }


def _answer(
    console: Console,
    settings: AuthServerSettings,
    given: Parameters,
    *,
    refused: Refused | None = None,
) -> Response:
    return console.answer(
        "console/new_client.html",
        section="clients",
        status=400 if refused else 200,
        methods=METHODS,
        resources=settings.resource_names,
        given=given,
        refused=refused,
    )
