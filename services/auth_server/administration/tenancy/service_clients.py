"""List, add and end the clients that act as themselves for a tenant."""

from collections.abc import Collection
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.new_clients import NewClient, OwnTokens, add_client
from auth_server.administration.operator import ActingOperator
from auth_server.administration.tenancy.require import require_tenant
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.ceilings.store import drop_ceilings, list_ceilings_of_tenant
from auth_server.records.clients.store import list_client_names, lock_client
from auth_server.revocations.revoke import outdate_tokens


class NewServiceClient(BaseModel):
    """A client that acts as itself for a tenant, and the most that it may do."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    client_id: str = Field(max_length=255)
    """A new id, in printable ASCII."""
    name: str = Field(max_length=100)
    """The name on pages."""
    resource: str = Field(max_length=512)
    """The gateway for which it gets tokens."""
    scope: str = Field(max_length=2048)
    """The most scope that its tokens have."""
    tools: tuple[str, ...] = Field(max_length=500)
    """Tools and @toolsets."""
    data_scope: str = Field(default="", max_length=4096)
    """Such as `team:design`; empty for all data."""


class ServiceClientView(BaseModel):
    """The most that a client may do by itself in a tenant, on one resource."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    client_id: str
    name: str
    resource: str
    scope: str
    tools: tuple[str, ...]
    data_scope: str
    """The data that it reaches; empty for all data of the tenant."""


async def read_service_clients(
    db: DbSession, operator: ActingOperator, tenant_id: str
) -> list[ServiceClientView]:
    """List the clients that act as themselves for a tenant, by id and resource.

    Raises:
        Forbidden: `tenants:read` is missing.
        NotFound: the tenant does not exist.
    """
    operator.require("tenants:read")
    await require_tenant(db, tenant_id)
    rows = await list_ceilings_of_tenant(db, tenant_id)
    names = await list_client_names(db, {row.client_id for row in rows})
    return [
        ServiceClientView(
            client_id=row.client_id,
            name=names.get(row.client_id, row.client_id),
            resource=row.resource,
            scope=row.scope,
            tools=tuple(row.tools),
            data_scope=row.data_scope,
        )
        for row in rows
    ]


async def add_service_client(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    new: NewServiceClient,
    *,
    resources: Collection[str],
    secret: str,
    now: datetime,
) -> ServiceClientView:
    """Add a managed client that gets its own tokens, only in this tenant.

    Args:
        db: the open transaction.
        operator: who does it.
        tenant_id: the tenant.
        new: the client; one that exists is never changed by this.
        resources: the gateways in the settings.
        secret: a new secret, which the caller shows once.
        now: the time.

    Raises:
        Forbidden: `tenants:write` or `clients:write` is missing.
        NotFound: the tenant does not exist.
        Refused: a value is invalid, or the client exists.
    """
    operator.require("clients:write")
    operator.act(db, "tenants:write")
    await require_tenant(db, tenant_id)
    if new.resource not in resources:
        raise Refused("resource", f"must be one of {', '.join(resources)}")
    own = new.model_dump(exclude={"client_id", "name", "resource"})
    client = NewClient(
        client_id=new.client_id,
        name=new.name,
        token_endpoint_auth_method="client_secret_basic",  # noqa: S106 - the method's name
        own_tokens=OwnTokens(tenant=tenant_id, resources=(new.resource,), **own),
    )
    await add_client(db, operator, client, resources=resources, secret=secret, now=now)
    return ServiceClientView(**new.model_dump())


async def end_service_client(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    client_id: str,
    *,
    lifetime: timedelta,
    now: datetime,
) -> None:
    """End what a client may do by itself in a tenant; its access tokens end.

    What the client does for people, and in other tenants, stays.

    Raises:
        Forbidden: `tenants:write` is missing.
        NotFound: the client does nothing by itself in the tenant.
    """
    operator.act(db, "tenants:write")
    await lock_client(db, client_id)
    if not await drop_ceilings(db, client_id, tenant_id):
        raise NotFound(f"the tenant {tenant_id[:200]} has no service client {client_id[:200]}")
    await outdate_tokens(db, "client", client_id, lifetime=lifetime, now=now)
    ended = Audit(
        "client.changed", client_id=client_id, tenant_id=tenant_id, detail={"own_tokens": False}
    )
    await record(db, ended, now=now)
