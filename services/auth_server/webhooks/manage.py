"""Add, change and look at endpoints and deliveries; commands and pages call these functions.

An owner is a tenant's id, or None for the operator. Each function sees only what the owner has.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from auth_server.db.engine import DbSession
from auth_server.keys import Keys
from auth_server.records.audit.store import Audit, Event, record
from auth_server.records.webhooks.deliveries import (
    DeliveryPlace,
    add_deliveries,
    find_delivery,
    list_deliveries_of,
)
from auth_server.records.webhooks.endpoints import (
    EndpointPlace,
    EndpointState,
    add_endpoint_row,
    delete_endpoint,
    find_endpoint,
    list_endpoints_of,
    lock_endpoint,
    search_endpoints,
)
from auth_server.records.webhooks.table import WebhookDelivery, WebhookEndpoint
from auth_server.rendering.translation import translatable
from auth_server.secrets import NewSecret
from auth_server.webhooks.event_types import TEST, types_for
from auth_server.webhooks.messages import write_payload
from auth_server.webhooks.secrets import BOTH_VALID, make_signing_secret, seal_signing_secret
from auth_server.webhooks.urls import UnusableEndpoint, require_endpoint_url

MOST_ENDPOINTS = 10
BY_HAND = "by an operator"
"""The reason of an endpoint that an operator disabled."""
_UNKNOWN = translatable("This endpoint does not exist.")


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint to add.

    Attributes:
        owner: whose it is.
        url: where messages are posted.
        types: the names of the types that it receives.
        endpoint_id: its id, which must be new.
        by: the person who adds it, or nothing for an operator.
    """

    owner: str | None
    url: str
    types: tuple[str, ...]
    endpoint_id: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint, without its secrets."""

    endpoint_id: str
    tenant_id: str | None
    url: str
    types: tuple[str, ...]
    created_at: datetime
    former_secret_until: datetime | None
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_reason: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one endpoint, and how its last attempt ended."""

    message_id: str
    endpoint_id: str
    type: str
    payload: str
    created_at: datetime
    state: Literal["waiting", "delivered", "failed"]
    attempts: int
    next_attempt_at: datetime | None
    last_attempt_at: datetime | None
    status_code: int | None
    answer: str


async def list_endpoints(db: DbSession, owner: str | None) -> Sequence[Endpoint]:
    """List an owner's endpoints."""
    return [_view(row) for row in await list_endpoints_of(db, owner)]


async def find_owned(db: DbSession, owner: str | None, endpoint_id: str) -> Endpoint | None:
    """Look up an endpoint of an owner."""
    row = await find_endpoint(db, endpoint_id)
    return _view(row) if row is not None and row.tenant_id == owner else None


async def find_any(db: DbSession, endpoint_id: str) -> Endpoint | None:
    """Look up an endpoint of whatever owner, for the operator."""
    row = await find_endpoint(db, endpoint_id)
    return None if row is None else _view(row)


async def search_every_endpoint(
    db: DbSession, search: str, state: EndpointState | None, *, after: EndpointPlace, most: int
) -> Sequence[Endpoint]:
    """List some endpoints of all owners after a place, those of the operator first."""
    return [_view(row) for row in await search_endpoints(db, search, state, after=after, most=most)]


async def add_endpoint(
    db: DbSession,
    new: NewEndpoint,
    *,
    keys: Keys,
    new_secret: NewSecret,
    now: datetime,
    private_hosts: Collection[str] = (),
) -> tuple[Endpoint, str]:
    """Add an endpoint.

    Args:
        db: the open transaction.
        new: the endpoint.
        keys: seal its secret.
        new_secret: makes its secret.
        now: the time.
        private_hosts: the hosts that the settings allow for the operator's endpoints.

    Returns:
        The endpoint, and the secret to show once.

    Raises:
        UnusableEndpoint: the URL or the types are not allowed, or the owner has too many.
    """
    require_endpoint_url(new.url, private_hosts=private_hosts if new.owner is None else ())
    types = _require_types(new.owner, new.types)
    if len(await list_endpoints_of(db, new.owner)) >= MOST_ENDPOINTS:
        raise UnusableEndpoint(
            translatable("There can be at most 10 endpoints."), field="endpoints"
        )
    secret = make_signing_secret(new_secret())
    row = WebhookEndpoint(
        endpoint_id=new.endpoint_id,
        tenant_id=new.owner,
        url=new.url,
        types=types,
        sealed_secret=seal_signing_secret(secret, new.endpoint_id, keys),
        created_at=now,
    )
    await add_endpoint_row(db, row)
    await _record(db, "webhook.added", row, new.by, now, url=new.url, types=types)
    return _view(row), secret


async def remove_endpoint(
    db: DbSession, owner: str | None, endpoint_id: str, *, now: datetime, by: str = ""
) -> None:
    """Delete an endpoint with its deliveries.

    Raises:
        UnusableEndpoint: the owner has no such endpoint.
    """
    row = await _lock(db, owner, endpoint_id)
    await delete_endpoint(db, endpoint_id)
    await _record(db, "webhook.removed", row, by, now, url=row.url)


async def roll_secret(
    db: DbSession,
    owner: str | None,
    endpoint_id: str,
    *,
    keys: Keys,
    new_secret: NewSecret,
    now: datetime,
    by: str = "",
) -> str:
    """Give an endpoint a new secret, and return it; for a day, messages are signed with both.

    Raises:
        UnusableEndpoint: the owner has no such endpoint.
    """
    row = await _lock(db, owner, endpoint_id)
    secret = make_signing_secret(new_secret())
    row.former_sealed_secret, row.former_secret_until = row.sealed_secret, now + BOTH_VALID
    row.sealed_secret = seal_signing_secret(secret, endpoint_id, keys)
    await _record(db, "webhook.changed", row, by, now, change="secret rolled")
    return secret


async def enable_endpoint(
    db: DbSession, owner: str | None, endpoint_id: str, *, now: datetime, by: str = ""
) -> None:
    """Send to a disabled endpoint again, beginning with the deliveries that wait.

    Raises:
        UnusableEndpoint: the owner has no such endpoint.
    """
    row = await _lock(db, owner, endpoint_id)
    if row.disabled_at is None:
        return
    row.disabled_at = row.failing_since = None
    row.disabled_reason = ""
    await _record(db, "webhook.changed", row, by, now, change="enabled")


async def stop_endpoint(
    db: DbSession, owner: str | None, endpoint_id: str, *, now: datetime, by: str = ""
) -> None:
    """Send nothing more to an endpoint until somebody enables it; deliveries that wait stay.

    Raises:
        UnusableEndpoint: the owner has no such endpoint.
    """
    row = await _lock(db, owner, endpoint_id)
    if row.disabled_at is not None:
        return
    row.disabled_at, row.disabled_reason = now, BY_HAND
    await _record(db, "webhook.disabled", row, by, now, url=row.url, reason=BY_HAND)


async def send_test(
    db: DbSession, owner: str | None, endpoint_id: str, *, new_secret: NewSecret, now: datetime
) -> str:
    """Queue a message of the type `webhook.test`, and return its id.

    Raises:
        UnusableEndpoint: the owner has no such endpoint, or it is disabled.
    """
    row = await _lock(db, owner, endpoint_id)
    if row.disabled_at is not None:
        raise UnusableEndpoint(translatable("Enable the endpoint first."), field="enabled")
    message_id = f"msg_{new_secret()}"
    delivery = WebhookDelivery(
        message_id=message_id,
        endpoint_id=endpoint_id,
        type=TEST,
        payload=write_payload(TEST, {"endpoint_id": endpoint_id}, at=now),
        created_at=now,
        next_attempt_at=now,
    )
    await add_deliveries(db, [delivery])
    return message_id


async def list_deliveries(
    db: DbSession,
    owner: str | None,
    endpoint_id: str,
    *,
    before: DeliveryPlace | None = None,
    most: int = 50,
) -> Sequence[Delivery]:
    """List the newest deliveries to an endpoint before a place.

    Raises:
        UnusableEndpoint: the owner has no such endpoint.
    """
    if await find_owned(db, owner, endpoint_id) is None:
        raise UnusableEndpoint(_UNKNOWN, field="endpoint_id")
    rows = await list_deliveries_of(db, endpoint_id, before=before, most=most)
    return [_view_delivery(row) for row in rows]


async def resend_delivery(
    db: DbSession,
    owner: str | None,
    endpoint_id: str,
    message_id: str,
    *,
    now: datetime,
    by: str = "",
) -> None:
    """Send a message to an endpoint again, under the same id.

    Raises:
        UnusableEndpoint: the owner has no such endpoint or delivery.
    """
    row = await _lock(db, owner, endpoint_id)
    delivery = await find_delivery(db, endpoint_id, message_id, lock=True)
    if delivery is None:
        raise UnusableEndpoint(translatable("This delivery does not exist."), field="message_id")
    delivery.attempts, delivery.next_attempt_at, delivery.delivered_at = 0, now, None
    await _record(db, "webhook.resent", row, by, now, message_id=message_id)


async def disable_endpoint(
    db: DbSession, endpoint: WebhookEndpoint, reason: str, *, now: datetime
) -> None:
    """Stop sending to an endpoint because of its answers."""
    endpoint.disabled_at, endpoint.disabled_reason = now, reason
    await _record(db, "webhook.disabled", endpoint, "", now, url=endpoint.url, reason=reason)


def _require_types(owner: str | None, types: Collection[str]) -> list[str]:
    known = [kind.name for kind in types_for(owner)]
    if not types or not set(types) <= set(known):
        raise UnusableEndpoint(
            translatable("Choose at least one type of event from the list."), field="types"
        )
    return [name for name in known if name in set(types)]


async def _lock(db: DbSession, owner: str | None, endpoint_id: str) -> WebhookEndpoint:
    row = await lock_endpoint(db, endpoint_id)
    if row is None or row.tenant_id != owner:
        raise UnusableEndpoint(_UNKNOWN, field="endpoint_id")
    return row


async def _record(
    db: DbSession,
    event: Event,
    row: WebhookEndpoint,
    by: str,
    now: datetime,
    **detail: str | list[str],
) -> None:
    entry = Audit(
        event,
        person_id=by,
        tenant_id=row.tenant_id or "",
        detail={"endpoint_id": row.endpoint_id, "by": by or "operator", **detail},
    )
    await record(db, entry, now=now)


def _view(row: WebhookEndpoint) -> Endpoint:
    return Endpoint(
        endpoint_id=row.endpoint_id,
        tenant_id=row.tenant_id,
        url=row.url,
        types=tuple(row.types),
        created_at=row.created_at,
        former_secret_until=row.former_secret_until,
        failing_since=row.failing_since,
        disabled_at=row.disabled_at,
        disabled_reason=row.disabled_reason,
    )


def _view_delivery(row: WebhookDelivery) -> Delivery:
    state: Literal["waiting", "delivered", "failed"] = "waiting"
    if row.delivered_at is not None:
        state = "delivered"
    elif row.next_attempt_at is None:
        state = "failed"
    return Delivery(
        message_id=row.message_id,
        endpoint_id=row.endpoint_id,
        type=row.type,
        payload=row.payload,
        created_at=row.created_at,
        state=state,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        last_attempt_at=row.last_attempt_at,
        status_code=row.status_code,
        answer=row.answer,
    )
