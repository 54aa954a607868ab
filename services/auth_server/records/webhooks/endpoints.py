"""The only SQL on webhook endpoints."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import and_, func
from sqlmodel import col, delete, or_, select

from auth_server.db.engine import DbSession
from auth_server.records.webhooks.table import WebhookEndpoint

EndpointState = Literal["active", "failing", "disabled"]


@dataclass(frozen=True, slots=True)
class EndpointPlace:
    """The place of an endpoint in the list of all; the operator's tenant id is empty."""

    tenant_id: str = ""
    endpoint_id: str = ""


async def add_endpoint_row(db: DbSession, endpoint: WebhookEndpoint) -> None:
    """Add an endpoint."""
    db.add(endpoint)
    await db.flush()


async def find_endpoint(db: DbSession, endpoint_id: str) -> WebhookEndpoint | None:
    """Look up an endpoint."""
    return await db.get(WebhookEndpoint, endpoint_id)


async def lock_endpoint(db: DbSession, endpoint_id: str) -> WebhookEndpoint | None:
    """Look up and lock an endpoint."""
    query = select(WebhookEndpoint).where(col(WebhookEndpoint.endpoint_id) == endpoint_id)
    # Deliveries may be added meanwhile: they refer to the key, which does not change.
    locked = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return (await db.execute(locked)).scalar_one_or_none()


async def list_endpoints_of(db: DbSession, tenant_id: str | None) -> Sequence[WebhookEndpoint]:
    """List the endpoints of a tenant, or of the operator, the oldest first."""
    owner = col(WebhookEndpoint.tenant_id)
    query = select(WebhookEndpoint).where(
        owner.is_(None) if tenant_id is None else owner == tenant_id
    )
    ordered = query.order_by(col(WebhookEndpoint.created_at), col(WebhookEndpoint.endpoint_id))
    return (await db.execute(ordered)).scalars().all()


async def list_all_endpoints(db: DbSession, *, lock: bool = False) -> Sequence[WebhookEndpoint]:
    """List every endpoint, those of the operator first; with `lock`, lock those that nobody has locked."""
    owner = col(WebhookEndpoint.tenant_id)
    query = select(WebhookEndpoint).order_by(
        owner.is_not(None), owner, col(WebhookEndpoint.created_at)
    )
    if lock:
        query = query.with_for_update(key_share=True, skip_locked=True)
    return (await db.execute(query)).scalars().all()


async def search_endpoints(
    db: DbSession, search: str, state: EndpointState | None, *, after: EndpointPlace, most: int
) -> Sequence[WebhookEndpoint]:
    """List some endpoints after a place, the operator's first and then by tenant.

    `search` is a part of the URL or of the tenant's id.
    """
    owner, endpoint_id = col(WebhookEndpoint.tenant_id), col(WebhookEndpoint.endpoint_id)
    failing, disabled = col(WebhookEndpoint.failing_since), col(WebhookEndpoint.disabled_at)
    tenant_id = func.coalesce(owner, "")
    later = and_(tenant_id == after.tenant_id, endpoint_id > after.endpoint_id)
    query = select(WebhookEndpoint).where(or_(tenant_id > after.tenant_id, later))
    if search:
        query = query.where(
            or_(
                col(WebhookEndpoint.url).icontains(search, autoescape=True),
                owner.icontains(search, autoescape=True),
            )
        )
    if state == "disabled":
        query = query.where(disabled.is_not(None))
    elif state is not None:
        is_failing = failing.is_not(None) if state == "failing" else failing.is_(None)
        query = query.where(disabled.is_(None), is_failing)
    ordered = query.order_by(tenant_id, endpoint_id).limit(most)
    return (await db.execute(ordered)).scalars().all()


async def list_receivers(db: DbSession, tenant_id: str | None) -> Sequence[WebhookEndpoint]:
    """List the enabled endpoints that may know of an event: the operator's, and the tenant's own."""
    owner = col(WebhookEndpoint.tenant_id)
    allowed = owner.is_(None) if tenant_id is None else or_(owner.is_(None), owner == tenant_id)
    query = select(WebhookEndpoint).where(allowed, col(WebhookEndpoint.disabled_at).is_(None))
    return (await db.execute(query)).scalars().all()


async def delete_endpoint(db: DbSession, endpoint_id: str) -> None:
    """Delete an endpoint with its deliveries."""
    await db.execute(delete(WebhookEndpoint).where(col(WebhookEndpoint.endpoint_id) == endpoint_id))


async def list_former_secrets_over(db: DbSession, *, now: datetime) -> Sequence[WebhookEndpoint]:
    """List and lock endpoints whose former secret is not used any more."""
    query = select(WebhookEndpoint).where(col(WebhookEndpoint.former_secret_until) <= now)
    return (await db.execute(query.with_for_update(skip_locked=True))).scalars().all()
