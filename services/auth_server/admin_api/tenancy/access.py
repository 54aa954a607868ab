"""/admin/v1/tenants/{tenant_id}: its connections, API keys and service clients."""

from typing import Annotated

from fastapi import APIRouter, Query

from auth_server.admin_api.authenticate import Caller
from auth_server.admin_api.pages import USUAL_LIMIT, After, Limit, Page
from auth_server.administration.tenancy.api_keys import (
    TenantKeyView,
    end_tenant_key,
    read_tenant_keys,
)
from auth_server.administration.tenancy.connections import (
    TenantConnectionView,
    end_connection,
    end_tenant_sub_agent,
    read_connections,
)
from auth_server.administration.tenancy.service_clients import (
    NewServiceClient,
    ServiceClientView,
    add_service_client,
    end_service_client,
    read_service_clients,
)
from auth_server.web.dependencies import Clock, Db, ReadingDb, SecretMaker, Settings

router = APIRouter(prefix="/tenants/{tenant_id}", tags=["tenants"])


class CreatedServiceClient(ServiceClientView):
    """A new service client with its secret, which is shown only now."""

    client_secret: str


@router.get("/connections")
async def list_connections(
    caller: Caller,
    db: ReadingDb,
    now: Clock,
    tenant_id: str,
    after: After = "",
    limit: Limit = USUAL_LIMIT,
) -> Page[TenantConnectionView]:
    """List the apps that members connected, by the grant's id. Requires `tenants:read`."""
    found = await read_connections(db, caller, tenant_id, after=after, limit=limit, now=now())
    return Page.of(found)


@router.delete("/connections/{grant_id}", status_code=204)
async def delete_connection(
    caller: Caller, db: Db, settings: Settings, now: Clock, tenant_id: str, grant_id: str
) -> None:
    """End a connection and its tokens. Requires `tenants:write`."""
    lifetime = settings.longest_token_lifetime
    await end_connection(db, caller, tenant_id, grant_id, lifetime=lifetime, now=now())


@router.delete("/sub-agents/{delegation_id}", status_code=204)
async def delete_sub_agent(
    caller: Caller, db: Db, now: Clock, tenant_id: str, delegation_id: str
) -> None:
    """End a sub-agent of a connection, with those below it. Requires `tenants:write`."""
    await end_tenant_sub_agent(db, caller, tenant_id, delegation_id, now=now())


@router.get("/api-keys")
async def list_api_keys(caller: Caller, db: ReadingDb, tenant_id: str) -> list[TenantKeyView]:
    """List the API keys that are not revoked, the oldest first. Requires `tenants:read`."""
    return await read_tenant_keys(db, caller, tenant_id)


@router.delete("/api-keys/{key_id}", status_code=204)
async def delete_key(
    caller: Caller, db: Db, settings: Settings, now: Clock, tenant_id: str, key_id: str
) -> None:
    """Revoke an API key and its tokens. Requires `tenants:write`."""
    lifetime = settings.longest_token_lifetime
    await end_tenant_key(db, caller, tenant_id, key_id, lifetime=lifetime, now=now())


@router.get("/service-clients")
async def list_service_clients(
    caller: Caller, db: ReadingDb, tenant_id: str
) -> list[ServiceClientView]:
    """List the clients that act as themselves for the tenant. Requires `tenants:read`."""
    return await read_service_clients(db, caller, tenant_id)


@router.post("/service-clients", status_code=201)
async def post_service_client(
    caller: Caller,
    db: Db,
    settings: Settings,
    now: Clock,
    new_secret: SecretMaker,
    tenant_id: str,
    new: NewServiceClient,
) -> CreatedServiceClient:
    """Add a client with a new secret. Requires `tenants:write` and `clients:write`."""
    secret = new_secret()
    names = settings.resource_names
    added = await add_service_client(
        db, caller, tenant_id, new, resources=names, secret=secret, now=now()
    )
    return CreatedServiceClient(**added.model_dump(), client_secret=secret)


@router.delete("/service-clients", status_code=204)
async def delete_service_client(
    caller: Caller,
    db: Db,
    settings: Settings,
    now: Clock,
    tenant_id: str,
    client_id: Annotated[str, Query(max_length=1024, description="The client's id.")],
) -> None:
    """End what a client may do by itself in the tenant. Requires `tenants:write`."""
    lifetime = settings.longest_token_lifetime
    await end_service_client(db, caller, tenant_id, client_id, lifetime=lifetime, now=now())
