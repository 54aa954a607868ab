"""Metronome's endpoint for usage events."""

from datetime import datetime, timedelta

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fake_stripe.account import Account, Object

MOST_EVENTS = 100
BACKDATED = timedelta(days=34)
"""How old an event may be, and how long its transaction id is remembered."""
_MEMBERS = ("transaction_id", "customer_id", "event_type", "timestamp")


def create_metronome(account: Account) -> Starlette:
    """Make an app that takes the events of the account; the key is the account's."""

    async def ingest(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {account.secret_key}":
            return JSONResponse({"message": "Unauthorized"}, 401)
        events = await request.json()
        if not isinstance(events, list) or not 1 <= len(events) <= MOST_EVENTS:
            return JSONResponse({"message": "1 to 100 events are required"}, 400)
        for event in events:
            if problem := _find_problem(account, event):
                return JSONResponse({"message": problem}, 400)
        for event in events:
            _take(account, event)
        return Response(status_code=200)

    return Starlette(routes=[Route("/v1/ingest", ingest, methods=["POST"])])


def _find_problem(account: Account, event: Object) -> str:
    for name in _MEMBERS:
        if not isinstance(event.get(name), str) or not 1 <= len(event[name]) <= 128:
            return f"{name} must be text of 1 to 128 characters"
    now = account.now() + account.offset
    at = datetime.fromisoformat(event["timestamp"])
    if not now - BACKDATED <= at <= now + timedelta(days=1):
        return "timestamp must be within the last 34 days"
    return ""


def _take(account: Account, event: Object) -> None:
    """Count an event, unless its transaction id is known; Metronome says nothing about that."""
    now, key = account.now() + account.offset, event["transaction_id"]
    known = account.transactions.get(key)
    if known is None or now - known >= BACKDATED:
        account.transactions[key] = now
        account.ingested.append(event)
