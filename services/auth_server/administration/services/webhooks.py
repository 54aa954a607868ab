"""List, add and change the endpoints that receive events, of the operator and of all tenants."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import get_args

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import Slice, cut
from auth_server.db.engine import DbSession
from auth_server.keys import Keys
from auth_server.records.tenants.store import find_tenant, list_tenant_names
from auth_server.records.webhooks.endpoints import EndpointPlace, EndpointState
from auth_server.secrets import NewSecret
from auth_server.webhooks.manage import (
    Endpoint,
    NewEndpoint,
    add_endpoint,
    enable_endpoint,
    find_any,
    remove_endpoint,
    roll_secret,
    search_every_endpoint,
    send_test,
    stop_endpoint,
)
from auth_server.webhooks.urls import UnusableEndpoint

STATES: tuple[EndpointState, ...] = get_args(EndpointState)


class EndpointView(BaseModel):
    """An endpoint without its secrets."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    endpoint_id: str
    tenant_id: str | None
    """The owner; null for the operator, who receives the events of all tenants."""
    tenant_name: str
    url: str
    types: tuple[str, ...]
    state: EndpointState
    created_at: datetime
    former_secret_until: datetime | None
    """Until when messages are also signed with the secret before."""
    failing_since: datetime | None
    """The first failed attempt since the last message that arrived."""
    disabled_at: datetime | None
    disabled_reason: str


async def read_endpoints(
    db: DbSession,
    operator: ActingOperator,
    *,
    search: str = "",
    state: str = "",
    after: str = "",
    limit: int,
) -> Slice[EndpointView]:
    """List endpoints, those of the operator first and then by tenant.

    Args:
        db: an open database session.
        operator: who asks.
        search: a part of a URL or of a tenant's id; empty for all.
        state: one of `STATES`; empty for all.
        after: the `next` of the page before.
        limit: the most endpoints.

    Raises:
        Forbidden: `webhooks:read` is missing.
        Refused: the state does not exist.
    """
    operator.require("webhooks:read")
    wanted = next((one for one in STATES if one == state), None)
    if state and wanted is None:
        raise Refused("state", f"must be one of {', '.join(STATES)}")
    endpoint_id, _, tenant_id = after.partition("~")
    rows = await search_every_endpoint(
        db, search, wanted, after=EndpointPlace(tenant_id, endpoint_id), most=limit + 1
    )
    return cut(await _view_all(db, rows), limit, place=_place)


async def read_endpoint(db: DbSession, operator: ActingOperator, endpoint_id: str) -> EndpointView:
    """Show one endpoint.

    Raises:
        Forbidden: `webhooks:read` is missing.
        NotFound: it does not exist.
    """
    operator.require("webhooks:read")
    [view] = await _view_all(db, [await require_endpoint(db, endpoint_id)])
    return view


async def create_endpoint(
    db: DbSession,
    operator: ActingOperator,
    new: NewEndpoint,
    *,
    private_hosts: Collection[str],
    keys: Keys,
    new_secret: NewSecret,
    now: datetime,
) -> tuple[EndpointView, str]:
    """Add an endpoint for the operator or for a tenant; return it with its secret, which is sealed.

    Args:
        db: the open transaction.
        operator: who adds it.
        new: the endpoint.
        private_hosts: the hosts that the settings allow for the operator's endpoints.
        keys: seal the secret.
        new_secret: makes the secret.
        now: the time.

    Raises:
        Forbidden: `webhooks:write` is missing.
        Refused: a value is invalid, or the owner has too many endpoints.
    """
    operator.act(db, "webhooks:write")
    if new.owner is not None and await find_tenant(db, new.owner) is None:
        raise Refused("tenant_id", "this organisation does not exist, or is disabled")
    with refusing():
        endpoint, secret = await add_endpoint(
            db, new, keys=keys, new_secret=new_secret, now=now, private_hosts=private_hosts
        )
    [view] = await _view_all(db, [endpoint])
    return view, secret


async def switch_endpoint(
    db: DbSession, operator: ActingOperator, endpoint_id: str, enabled: bool, *, now: datetime
) -> EndpointView:
    """Send to an endpoint again, beginning with what waits, or send nothing more to it.

    Raises:
        Forbidden: `webhooks:write` is missing.
        NotFound: it does not exist.
    """
    operator.act(db, "webhooks:write")
    owner = (await require_endpoint(db, endpoint_id)).tenant_id
    await (enable_endpoint if enabled else stop_endpoint)(db, owner, endpoint_id, now=now)
    await db.flush()
    return await read_endpoint(db, operator, endpoint_id)


async def replace_secret(
    db: DbSession,
    operator: ActingOperator,
    endpoint_id: str,
    *,
    keys: Keys,
    new_secret: NewSecret,
    now: datetime,
) -> str:
    """Give an endpoint a new secret and return it; for a day, messages are signed with both.

    Raises:
        Forbidden: `webhooks:write` is missing.
        NotFound: the endpoint does not exist.
    """
    operator.act(db, "webhooks:write")
    owner = (await require_endpoint(db, endpoint_id)).tenant_id
    return await roll_secret(db, owner, endpoint_id, keys=keys, new_secret=new_secret, now=now)


async def send_test_message(
    db: DbSession,
    operator: ActingOperator,
    endpoint_id: str,
    *,
    new_secret: NewSecret,
    now: datetime,
) -> str:
    """Queue a message of the type `webhook.test`, and return its id.

    Raises:
        Forbidden: `webhooks:write` is missing.
        NotFound: the endpoint does not exist.
        Refused: it is disabled.
    """
    operator.act(db, "webhooks:write")
    owner = (await require_endpoint(db, endpoint_id)).tenant_id
    with refusing():
        return await send_test(db, owner, endpoint_id, new_secret=new_secret, now=now)


async def delete_endpoint(
    db: DbSession, operator: ActingOperator, endpoint_id: str, *, now: datetime
) -> None:
    """Delete an endpoint with its deliveries.

    Raises:
        Forbidden: `webhooks:write` is missing.
        NotFound: it does not exist.
    """
    operator.act(db, "webhooks:write")
    owner = (await require_endpoint(db, endpoint_id)).tenant_id
    await remove_endpoint(db, owner, endpoint_id, now=now)


async def require_endpoint(db: DbSession, endpoint_id: str) -> Endpoint:
    """Look up an endpoint of whatever owner.

    Raises:
        NotFound: it does not exist.
    """
    found = await find_any(db, endpoint_id) if endpoint_id.isprintable() else None
    if found is None:
        raise NotFound(f"the endpoint {endpoint_id[:64]} does not exist")
    return found


@contextmanager
def refusing() -> Iterator[None]:
    """Turn the refusal of a value into one that names its field."""
    try:
        yield
    except UnusableEndpoint as error:
        raise Refused(error.field, str(error)) from None


def _place(view: EndpointView) -> str:
    return f"{view.endpoint_id}~{view.tenant_id or ''}"


async def _view_all(db: DbSession, endpoints: Sequence[Endpoint]) -> list[EndpointView]:
    names = await list_tenant_names(db, {one.tenant_id for one in endpoints if one.tenant_id})
    return [
        EndpointView(
            **asdict(one), tenant_name=names.get(one.tenant_id or "", ""), state=_state(one)
        )
        for one in endpoints
    ]


def _state(endpoint: Endpoint) -> EndpointState:
    if endpoint.disabled_at is not None:
        return "disabled"
    return "active" if endpoint.failing_since is None else "failing"
