"""The only SQL on webhook deliveries."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, exists, func, select, update

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.webhooks.table import WebhookDelivery, WebhookEndpoint


@dataclass(frozen=True, slots=True)
class DeliveryPlace:
    """The place of a delivery in the list of an endpoint's."""

    created_at: datetime
    message_id: str


async def add_deliveries(db: DbSession, deliveries: Sequence[WebhookDelivery]) -> None:
    """Add deliveries; one of the same message to the same endpoint changes nothing."""
    if not deliveries:
        return
    insert: Any = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    rows = [delivery.model_dump() for delivery in deliveries]
    await db.execute(insert(WebhookDelivery).values(rows).on_conflict_do_nothing())


async def find_delivery(
    db: DbSession, endpoint_id: str, message_id: str, *, lock: bool = False
) -> WebhookDelivery | None:
    """Look up a delivery."""
    query = select(WebhookDelivery).where(
        col(WebhookDelivery.endpoint_id) == endpoint_id,
        col(WebhookDelivery.message_id) == message_id,
    )
    return (await db.execute(query.with_for_update() if lock else query)).scalar_one_or_none()


async def list_deliveries_of(
    db: DbSession, endpoint_id: str, *, before: DeliveryPlace | None = None, most: int
) -> Sequence[WebhookDelivery]:
    """List the newest deliveries to an endpoint before a place."""
    created_at, message_id = col(WebhookDelivery.created_at), col(WebhookDelivery.message_id)
    query = select(WebhookDelivery).where(col(WebhookDelivery.endpoint_id) == endpoint_id)
    if before is not None:
        same = and_(created_at == before.created_at, message_id < before.message_id)
        query = query.where(
            created_at <= before.created_at, or_(created_at < before.created_at, same)
        )
    newest = query.order_by(created_at.desc(), message_id.desc()).limit(most)
    return (await db.execute(newest)).scalars().all()


async def list_endpoints_due(
    db: DbSession, *, now: datetime, except_for: Collection[str]
) -> Sequence[WebhookEndpoint]:
    """List the enabled endpoints with a delivery that is due, except for some."""
    due = exists().where(
        col(WebhookDelivery.endpoint_id) == col(WebhookEndpoint.endpoint_id),
        col(WebhookDelivery.next_attempt_at) <= now,
    )
    query = select(WebhookEndpoint).where(
        col(WebhookEndpoint.disabled_at).is_(None),
        col(WebhookEndpoint.endpoint_id).not_in(except_for),
        due,
    )
    return (await db.execute(query)).scalars().all()


async def lock_due_deliveries(
    db: DbSession, endpoint_id: str, *, now: datetime, most: int
) -> Sequence[WebhookDelivery]:
    """List and lock deliveries to an endpoint that are due, except those that another process locks."""
    query = (
        select(WebhookDelivery)
        .where(
            col(WebhookDelivery.endpoint_id) == endpoint_id,
            col(WebhookDelivery.next_attempt_at) <= now,
        )
        .order_by(col(WebhookDelivery.next_attempt_at))
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return (await db.execute(query)).scalars().all()


async def note_answer(db: DbSession, delivery: WebhookDelivery, **changes: Any) -> bool:
    """Change a delivery after an attempt, unless a later attempt or a resend has begun."""
    changed = await db.execute(
        update(WebhookDelivery)
        .where(
            col(WebhookDelivery.message_id) == delivery.message_id,
            col(WebhookDelivery.endpoint_id) == delivery.endpoint_id,
            col(WebhookDelivery.attempts) == delivery.attempts,
            col(WebhookDelivery.next_attempt_at) == delivery.next_attempt_at,
        )
        .values(**changes)
        .returning(col(WebhookDelivery.message_id))
    )
    return changed.scalar_one_or_none() is not None


async def purge_deliveries(db: DbSession, *, before: datetime) -> bool:
    """Delete some deliveries that were made before a time; return whether there may be more."""
    return await delete_some(db, WebhookDelivery, col(WebhookDelivery.created_at) < before)


async def count_waiting_deliveries(db: DbSession) -> tuple[int, datetime | None]:
    """Count the deliveries that are not over, and tell when the oldest was queued."""
    waiting = col(WebhookDelivery.next_attempt_at).is_not(None)
    query = select(func.count(), func.min(col(WebhookDelivery.created_at))).where(waiting)
    number, oldest = (await db.execute(query)).one()
    return number, oldest
