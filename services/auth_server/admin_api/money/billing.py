"""/admin/v1/billing: the events of Stripe, the prices and the subscriptions there."""

from typing import Annotated

from fastapi import APIRouter, Query

from auth_server.admin_api.authenticate import Caller
from auth_server.admin_api.pages import USUAL_LIMIT, After, Limit, Page
from auth_server.administration.money.stripe_events import (
    ShownEvents,
    StripeEventView,
    process_stripe_event,
    read_stripe_event,
    read_stripe_events,
)
from auth_server.administration.money.stripe_prices import make_price_changes, read_price_changes
from auth_server.administration.money.subscriptions import (
    SubscriptionView,
    read_subscriptions,
    refresh_subscription,
)
from auth_server.billing.account import BillingInUse
from auth_server.web.dependencies import ReadingDb

router = APIRouter(prefix="/billing", tags=["billing"])


@router.get("/events")
async def list_events(
    caller: Caller,
    db: ReadingDb,
    shown: Annotated[
        ShownEvents, Query(description="`unprocessed` leaves out events that were processed.")
    ] = "all",
    after: After = "",
    limit: Limit = USUAL_LIMIT,
) -> Page[StripeEventView]:
    """List the events that Stripe sent, the newest first. Requires `billing:read`."""
    return Page.of(await read_stripe_events(db, caller, shown=shown, after=after, limit=limit))


@router.get("/events/{event_id}")
async def show_event(caller: Caller, db: ReadingDb, event_id: str) -> StripeEventView:
    """Show an event. Requires `billing:read`."""
    return await read_stripe_event(db, caller, event_id)


@router.post("/events/{event_id}/process")
async def process_event(caller: Caller, billing: BillingInUse, event_id: str) -> StripeEventView:
    """Process an event again, which changes nothing if it was processed. Requires `billing:write`."""
    return await process_stripe_event(billing, caller, event_id)


@router.get("/prices")
async def list_price_changes(caller: Caller, billing: BillingInUse) -> list[str]:
    """Ask Stripe what it lacks for the plans, in words. Requires `billing:read`."""
    return await read_price_changes(billing, caller)


@router.post("/prices")
async def make_prices(caller: Caller, billing: BillingInUse) -> list[str]:
    """Make the products and prices at Stripe that the plans need. Requires `billing:write`."""
    return await make_price_changes(billing, caller)


@router.get("/subscriptions")
async def list_subscriptions(
    caller: Caller, db: ReadingDb, after: After = "", limit: Limit = USUAL_LIMIT
) -> Page[SubscriptionView]:
    """List the tenants that have a customer at Stripe, by id. Requires `billing:read`."""
    return Page.of(await read_subscriptions(db, caller, after=after, limit=limit))


@router.post("/subscriptions/{tenant_id}/refresh")
async def post_refresh(caller: Caller, billing: BillingInUse, tenant_id: str) -> SubscriptionView:
    """Read a tenant's subscription and payments at Stripe again. Requires `billing:write`."""
    return await refresh_subscription(billing, caller, tenant_id)
