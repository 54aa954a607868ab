"""Read and change the apps that a tenant's own identity provider connects for members."""

from collections.abc import Collection
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import ActingOperator
from auth_server.administration.tenancy.require import require_tenant
from auth_server.db.engine import DbSession
from auth_server.records.catalogues.names import keep_own
from auth_server.records.catalogues.store import find_taken
from auth_server.records.clients.store import list_client_names
from auth_server.records.tenant_apps.store import list_tenant_apps
from auth_server.records.tenant_apps.table import AppCeiling, read_ceilings
from auth_server.tenancy.change_policy import ChangeRefused
from auth_server.tenancy.tenant_apps import (
    MOST_CEILINGS,
    AppKey,
    end_tenant_app,
    set_tenant_app,
)


class Ceiling(BaseModel):
    """The most that an app may do for the members of a group."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    group: str = Field(default="", max_length=200)
    """The group, as the provider writes it; empty for everybody else, in the last entry."""
    tools: tuple[str, ...] = Field(min_length=1, max_length=5_000)
    """Tools and @toolsets. They are stored as names, so later tools of a toolset are not among them."""
    data_scope: str = Field(default="", max_length=4096)
    """Such as `team:design`; empty for all that the member sees."""


class TenantAppChange(BaseModel):
    """An app that the tenant's provider may connect, and the most that it may do."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    client_id: str = Field(min_length=1, max_length=1024)
    """A managed client that authenticates, or the URL of a client's metadata document."""
    resource: str = Field(min_length=1, max_length=512)
    """The gateway for which it gets tokens."""
    ceilings: tuple[Ceiling, ...] = Field(min_length=1, max_length=MOST_CEILINGS)
    """The first entry of a group in the assertion counts; without one, the app is not connected."""


class TenantAppView(BaseModel):
    """An app that a tenant's provider connects for members without asking each of them."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    client_id: str
    client_name: str
    resource: str
    provider: str
    ceilings: tuple[Ceiling, ...]
    changed_at: datetime


async def read_tenant_apps(
    db: DbSession, operator: ActingOperator, tenant_id: str
) -> list[TenantAppView]:
    """List the apps that a tenant's provider connects, by client and resource.

    Raises:
        Forbidden: `tenants:read` is missing.
        NotFound: the tenant does not exist.
    """
    operator.require("tenants:read")
    await require_tenant(db, tenant_id)
    apps = await list_tenant_apps(db, tenant_id)
    names = await list_client_names(db, {app.client_id for app in apps})
    taken = {app.resource: await find_taken(db, app.resource) for app in apps}
    return [
        TenantAppView(
            client_id=app.client_id,
            client_name=names.get(app.client_id, app.client_id),
            resource=app.resource,
            provider=app.provider,
            ceilings=tuple(
                Ceiling(
                    group=one.group,
                    # Without what another API took, which is not to be allowed by storing this again.
                    tools=tuple(sorted(keep_own(one.tools, one.apis, taken[app.resource]))),
                    data_scope=one.data_scope,
                )
                for one in read_ceilings(app)
            ),
            changed_at=app.changed_at,
        )
        for app in apps
    ]


async def put_app(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    change: TenantAppChange,
    *,
    resources: Collection[str],
    issuers: Collection[str],
    lifetime: timedelta,
    now: datetime,
) -> list[TenantAppView]:
    """Let a tenant's provider connect an app, or change the most that it may do.

    Args:
        db: the open transaction.
        operator: who does it.
        tenant_id: the tenant.
        change: the app and its ceilings.
        resources: the gateways in the settings.
        issuers: the names of the providers whose issuer no other provider has.
        lifetime: how long access tokens live.
        now: the time.

    Raises:
        Forbidden: `tenants:write` is missing.
        NotFound: the tenant does not exist.
        Refused: the tenant has no provider of its own, or a value is invalid.
    """
    operator.act(db, "tenants:write")
    await require_tenant(db, tenant_id)
    if change.resource not in resources:
        raise Refused("resource", f"must be one of {', '.join(resources)}")
    ceilings = [
        AppCeiling(one.group, frozenset(one.tools), one.data_scope) for one in change.ceilings
    ]
    try:
        await set_tenant_app(
            db,
            AppKey(tenant_id, change.client_id, change.resource),
            ceilings,
            issuers=issuers,
            by=None,
            lifetime=lifetime,
            now=now,
        )
    except ChangeRefused as error:
        raise Refused("app", str(error)) from None
    return await read_tenant_apps(db, operator, tenant_id)


async def end_app(
    db: DbSession,
    operator: ActingOperator,
    key: AppKey,
    *,
    lifetime: timedelta,
    now: datetime,
) -> None:
    """Stop connecting an app, and end the connections that the provider made.

    Raises:
        Forbidden: `tenants:write` is missing.
        NotFound: the tenant's provider does not connect the app to this gateway.
    """
    operator.act(db, "tenants:write")
    await require_tenant(db, key.tenant_id)
    if not await end_tenant_app(db, key, by=None, lifetime=lifetime, now=now):
        raise NotFound(f"the tenant {key.tenant_id[:200]} does not connect {key.client_id[:200]}")
