"""Look at the inbox of Stripe's events, and process them again."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import Slice, cut, read_place, write_place
from auth_server.billing.account import Billing
from auth_server.billing.inbox import process_event
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.external_events.store import find_event, list_events
from auth_server.records.external_events.table import ExternalEvent
from auth_server.records.tenants.store import list_tenant_names

State = Literal["processed", "waiting", "failed"]
ShownEvents = Literal["all", "unprocessed"]


class StripeEventView(BaseModel):
    """An event of Stripe. Only its names are kept: its object is read again at Stripe."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    event_id: str
    type: str
    """Such as `customer.subscription.updated`; thin events have the prefix `v1.`."""
    object_type: str
    object_id: str
    """The object at Stripe that it is about."""
    state: State
    """`failed` if the last attempt failed; the server tries again, at most 20 times."""
    tenant_id: str
    """The tenant whose subscription and credit were read for it; empty if it is about none."""
    tenant_name: str
    received_at: datetime
    processed_at: datetime | None
    attempts: int
    problem: str
    """Why the last attempt failed."""


async def read_stripe_events(
    db: DbSession,
    operator: ActingOperator,
    *,
    shown: ShownEvents = "all",
    after: str = "",
    limit: int,
) -> Slice[StripeEventView]:
    """List the events of the last 30 days, the newest first, or those that were not processed.

    Raises:
        Forbidden: `billing:read` is missing.
        Refused: `after` is not the `next` of another page.
    """
    operator.require("billing:read")
    rows = await list_events(
        db, waiting=shown == "unprocessed", before=read_place(after), most=limit + 1
    )
    names = await list_tenant_names(db, {row.tenant_id for row in rows if row.tenant_id})
    views = [_view(row, names.get(row.tenant_id, row.tenant_id)) for row in rows]
    return cut(views, limit, place=lambda view: write_place(view.received_at, view.event_id))


async def read_stripe_event(
    db: DbSession, operator: ActingOperator, event_id: str
) -> StripeEventView:
    """Show one event.

    Raises:
        Forbidden: `billing:read` is missing.
        NotFound: it is not in the inbox.
    """
    operator.require("billing:read")
    return await _require_event(db, event_id)


async def process_stripe_event(
    billing: Billing | None, operator: ActingOperator, event_id: str
) -> StripeEventView:
    """Process an event again, which reads its object at Stripe; return the event as it is then.

    Processing an event twice, or in another order, changes nothing.

    Raises:
        Forbidden: `billing:write` is missing.
        NotFound: it is not in the inbox.
        Refused: the settings name no Stripe account.
    """
    operator.require("billing:write")
    if billing is None:
        raise Refused("event_id", "the settings name no Stripe account: set auth_server.stripe")
    async with billing.database.reading() as db:
        await _require_event(db, event_id)
    problem = await process_event(billing, event_id)
    async with billing.transaction() as db:
        operator.act(db, "billing:write")
        view = await _require_event(db, event_id)
        processed = Audit(
            "billing.event_processed",
            tenant_id=view.tenant_id,
            detail={"event": event_id, "failed": bool(problem)},
        )
        await record(db, processed, now=billing.now())
    return view


async def _require_event(db: DbSession, event_id: str) -> StripeEventView:
    row = await find_event(db, event_id)
    if row is None:
        raise NotFound(f"the event {event_id[:255]} is not in the inbox")
    names = await list_tenant_names(db, [row.tenant_id])
    return _view(row, names.get(row.tenant_id, row.tenant_id))


def _view(row: ExternalEvent, tenant_name: str) -> StripeEventView:
    return StripeEventView(
        event_id=row.event_id,
        type=row.kind,
        object_type=row.object_type,
        object_id=row.object_id,
        state="failed" if row.problem else "waiting" if row.processed_at is None else "processed",
        tenant_id=row.tenant_id,
        tenant_name=tenant_name,
        received_at=row.received_at,
        processed_at=row.processed_at,
        attempts=row.attempts,
        problem=row.problem,
    )
