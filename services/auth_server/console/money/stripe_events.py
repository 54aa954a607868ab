"""The console's pages of the events that Stripe sent."""

from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.money.stripe_events import (
    ShownEvents,
    process_stripe_event,
    read_stripe_event,
    read_stripe_events,
)
from auth_server.administration.paging import USUAL
from auth_server.billing.account import BillingInUse
from auth_server.console.frame import CONSOLE, PostedAlone, ShownConsole
from auth_server.console.money.words import EVENT_STATES
from auth_server.web.dependencies import ReadingDb
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

LIST = f"{CONSOLE}/stripe-events"
PAGE = f"{CONSOLE}/stripe-event"
router = PageRouter()


@router.get(LIST)
async def list_events(
    request: Request, console: ShownConsole, db: ReadingDb, billing: BillingInUse
) -> Response:
    """List the events of the last 30 days."""
    query = read_query(request)
    shown: ShownEvents = "unprocessed" if query.get("shown") == "unprocessed" else "all"
    after = (query.get("after") or "")[:512]
    return console.answer(
        "console/money/stripe_events.html",
        section="stripe-events",
        events=await read_stripe_events(
            db, console.operator, shown=shown, after=after, limit=USUAL
        ),
        shown=shown,
        after=after,
        states=EVENT_STATES,
        has_billing=billing is not None,
    )


@router.get(PAGE)
async def show_event(
    request: Request, console: ShownConsole, db: ReadingDb, billing: BillingInUse
) -> Response:
    """Show one event."""
    query = read_query(request)
    return console.answer(
        "console/money/stripe_event.html",
        section="stripe-events",
        event=await read_stripe_event(db, console.operator, query.get("event") or ""),
        states=EVENT_STATES,
        has_billing=billing is not None,
        done=query.get("done") == "yes",
    )


@router.post(PAGE)
async def process(console: PostedAlone, form: Form, billing: BillingInUse) -> Response:
    """Process an event again."""
    event_id = form.get("event") or ""
    await process_stripe_event(billing, console.operator, event_id)
    return console.lead_back(f"{PAGE}?{urlencode({'event': event_id, 'done': 'yes'})}")
