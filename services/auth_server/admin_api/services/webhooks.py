"""/admin/v1/webhooks: the endpoints that receive events."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from auth_server.admin_api.authenticate import Caller
from auth_server.admin_api.pages import USUAL_LIMIT, After, Limit, Page
from auth_server.administration.services.webhooks import (
    EndpointView,
    create_endpoint,
    delete_endpoint,
    read_endpoint,
    read_endpoints,
    replace_secret,
    send_test_message,
    switch_endpoint,
)
from auth_server.records.webhooks.endpoints import EndpointState
from auth_server.web.dependencies import Clock, Db, KeysInUse, ReadingDb, SecretMaker, Settings
from auth_server.webhooks.manage import NewEndpoint

router = APIRouter(prefix="/webhooks", tags=["webhooks"])


class NewWebhook(BaseModel):
    """An endpoint to add."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(description="Where messages are posted.")
    types: list[str] = Field(max_length=64, description="The events, such as `grant.created`.")
    tenant_id: str | None = Field(
        default=None,
        max_length=255,
        description="The tenant that owns it; null for the operator, who receives the events of all.",
    )


class CreatedWebhook(EndpointView):
    """A new endpoint with its secret, which is shown only here."""

    secret: str


class Secret(BaseModel):
    """A new secret, which is shown only here."""

    secret: str


class Enabled(BaseModel):
    """Whether messages are sent to an endpoint."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool


class QueuedMessage(BaseModel):
    """A message that will be sent within seconds."""

    message_id: str


@router.get("")
async def list_webhooks(
    caller: Caller,
    db: ReadingDb,
    search: Annotated[
        str, Query(max_length=200, description="A part of a URL or of a tenant's id.")
    ] = "",
    state: EndpointState | None = None,
    after: After = "",
    limit: Limit = USUAL_LIMIT,
) -> Page[EndpointView]:
    """List endpoints, those of the operator first and then by tenant. Requires `webhooks:read`."""
    part = await read_endpoints(
        db, caller, search=search, state=state or "", after=after, limit=limit
    )
    return Page.of(part)


@router.post("", status_code=201)
async def post_webhook(
    caller: Caller,
    db: Db,
    settings: Settings,
    keys: KeysInUse,
    new_secret: SecretMaker,
    now: Clock,
    new: NewWebhook,
) -> CreatedWebhook:
    """Add an endpoint of the operator or of a tenant. Requires `webhooks:write`."""
    view, secret = await create_endpoint(
        db,
        caller,
        NewEndpoint(new.tenant_id, new.url, tuple(new.types), f"endpoint_{new_secret()}"),
        private_hosts=settings.webhook_private_hosts,
        keys=keys,
        new_secret=new_secret,
        now=now(),
    )
    return CreatedWebhook(**view.model_dump(), secret=secret)


@router.get("/{endpoint_id}")
async def show_webhook(caller: Caller, db: ReadingDb, endpoint_id: str) -> EndpointView:
    """Show an endpoint. Requires `webhooks:read`."""
    return await read_endpoint(db, caller, endpoint_id)


@router.delete("/{endpoint_id}", status_code=204)
async def delete_webhook(caller: Caller, db: Db, now: Clock, endpoint_id: str) -> None:
    """Delete an endpoint with its deliveries. Requires `webhooks:write`."""
    await delete_endpoint(db, caller, endpoint_id, now=now())


@router.put("/{endpoint_id}/enabled")
async def put_enabled(
    caller: Caller, db: Db, now: Clock, endpoint_id: str, change: Enabled
) -> EndpointView:
    """Send to an endpoint again, or send nothing more to it. Requires `webhooks:write`."""
    return await switch_endpoint(db, caller, endpoint_id, change.enabled, now=now())


@router.post("/{endpoint_id}/secret")
async def post_webhook_secret(
    caller: Caller, db: Db, keys: KeysInUse, new_secret: SecretMaker, now: Clock, endpoint_id: str
) -> Secret:
    """Replace the secret; for a day, messages are signed with both. Requires `webhooks:write`."""
    secret = await replace_secret(
        db, caller, endpoint_id, keys=keys, new_secret=new_secret, now=now()
    )
    return Secret(secret=secret)


@router.post("/{endpoint_id}/test", status_code=202)
async def post_test(
    caller: Caller, db: Db, new_secret: SecretMaker, now: Clock, endpoint_id: str
) -> QueuedMessage:
    """Send a message of the type `webhook.test`. Requires `webhooks:write`."""
    message_id = await send_test_message(db, caller, endpoint_id, new_secret=new_secret, now=now())
    return QueuedMessage(message_id=message_id)
