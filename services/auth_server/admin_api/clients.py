"""/admin/v1/clients; the client is a query parameter, because its id may be a URL."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from auth_server.admin_api.authenticate import Caller
from auth_server.admin_api.pages import USUAL_LIMIT, Limit, Page
from auth_server.administration.clients import (
    ClientView,
    SecretView,
    Source,
    add_client_secret,
    block_client,
    drop_client_secret,
    read_client,
    read_clients,
    read_secrets,
    rename_client,
    verify_client,
)
from auth_server.administration.new_clients import NewClient, add_client
from auth_server.administration.services.workloads import (
    NewWorkload,
    WorkloadView,
    end_workload,
    read_workloads,
    trust_workload,
)
from auth_server.records.clients.table import LONGEST_CLIENT_ID
from auth_server.web.dependencies import Clock, Db, ReadingDb, SecretMaker, Settings

router = APIRouter(tags=["clients"])
ClientId = Annotated[str, Query(max_length=LONGEST_CLIENT_ID, description="The client's id.")]


class ClientChange(BaseModel):
    """What to change; an absent member stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(default=None, description="The name on the consent page.")
    verified: bool | None = Field(default=None, description="Of a dynamic client.")
    blocked: bool | None = Field(
        default=None, description="Blocking ends every connection and token at once."
    )


class NewSecret(BaseModel):
    """A secret to add."""

    model_config = ConfigDict(extra="forbid")

    expires_in_days: int | None = Field(default=None, ge=1, le=3650)


class CreatedClient(ClientView):
    """A new client, with its secret, which is shown only here."""

    client_secret: str | None = Field(description="Null if it authenticates in another way.")


class CreatedSecret(SecretView):
    """A new secret, which is shown only here."""

    secret: str


@router.get("/clients")
async def list_clients(
    caller: Caller,
    db: ReadingDb,
    search: Annotated[
        str, Query(max_length=200, description="A part of an id, name or redirect URI.")
    ] = "",
    source: Source | None = None,
    after: Annotated[str, Query(max_length=LONGEST_CLIENT_ID)] = "",
    limit: Limit = USUAL_LIMIT,
) -> Page[ClientView]:
    """List clients by id. Requires `clients:read`."""
    part = await read_clients(
        db, caller, search=search, source=source or "", after=after, limit=limit
    )
    return Page.of(part)


@router.post("/clients", status_code=201)
async def post_client(
    caller: Caller,
    db: Db,
    settings: Settings,
    now: Clock,
    new_secret: SecretMaker,
    new: NewClient,
) -> CreatedClient:
    """Add a managed client. Requires `clients:write`, for own tokens also `tenants:write`."""
    secret = new_secret() if new.has_secret else None
    names = settings.resource_names
    added = await add_client(db, caller, new, resources=names, secret=secret, now=now())
    return CreatedClient(**added.model_dump(), client_secret=secret)


@router.get("/client")
async def show_client(caller: Caller, db: ReadingDb, client_id: ClientId) -> ClientView:
    """Show a client. Requires `clients:read`."""
    return await read_client(db, caller, client_id)


@router.patch("/client")
async def change_client(
    caller: Caller,
    db: Db,
    settings: Settings,
    now: Clock,
    client_id: ClientId,
    change: ClientChange,
) -> ClientView:
    """Rename, verify or block a client, or undo it. Requires `clients:write`."""
    caller.act(db, "clients:write")
    view = None
    if change.name is not None:
        view = await rename_client(db, caller, client_id, change.name, now=now())
    if change.verified is not None:
        view = await verify_client(db, caller, client_id, change.verified, now=now())
    if change.blocked is not None:
        lifetime = settings.longest_token_lifetime
        view = await block_client(
            db, caller, client_id, change.blocked, lifetime=lifetime, now=now()
        )
    return view or await read_client(db, caller, client_id)


@router.get("/client/secrets")
async def list_secrets(
    caller: Caller, db: ReadingDb, now: Clock, client_id: ClientId
) -> list[SecretView]:
    """List the live secrets of a client, without the secrets themselves. Requires `clients:read`."""
    return await read_secrets(db, caller, client_id, now=now())


@router.post("/client/secrets", status_code=201)
async def post_client_secret(
    caller: Caller,
    db: Db,
    now: Clock,
    new_secret: SecretMaker,
    client_id: ClientId,
    new: NewSecret,
) -> CreatedSecret:
    """Add a second secret to a managed client. Requires `clients:write`."""
    secret = new_secret()
    days = new.expires_in_days
    lifetime = None if days is None else timedelta(days=days)
    view = await add_client_secret(
        db, caller, client_id, secret=secret, lifetime=lifetime, now=now()
    )
    return CreatedSecret(**view.model_dump(), secret=secret)


@router.delete("/client/secrets/{beginning}", status_code=204)
async def delete_secret(
    caller: Caller, db: Db, now: Clock, client_id: ClientId, beginning: str
) -> None:
    """Delete the secret whose hash begins so. Requires `clients:write`."""
    await drop_client_secret(db, caller, client_id, beginning, now=now())


@router.get("/client/workloads")
async def list_workloads(caller: Caller, db: ReadingDb, client_id: ClientId) -> list[WorkloadView]:
    """List the workloads that act as a client. Requires `clients:read`."""
    return await read_workloads(db, caller, client_id)


@router.post("/client/workloads", status_code=201)
async def post_workload(
    caller: Caller,
    db: Db,
    settings: Settings,
    now: Clock,
    new_secret: SecretMaker,
    client_id: ClientId,
    new: NewWorkload,
) -> WorkloadView:
    """Let a workload act as a client with its own tokens. Requires `clients:write`."""
    return await trust_workload(
        db,
        caller,
        client_id,
        new,
        workload_id=f"workload_{new_secret()[:16]}",
        issuer=settings.issuer,
        allow_loopback=not settings.secure,
        now=now(),
    )


@router.delete("/client/workloads/{workload_id}", status_code=204)
async def delete_workload(
    caller: Caller, db: Db, settings: Settings, now: Clock, client_id: ClientId, workload_id: str
) -> None:
    """End what a workload may do, and the client's own tokens. Requires `clients:write`."""
    lifetime = settings.longest_token_lifetime
    await end_workload(db, caller, client_id, workload_id, lifetime=lifetime, now=now())
