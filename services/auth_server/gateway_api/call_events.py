"""POST /internal/events."""

from fastapi import Request
from starlette.responses import JSONResponse, Response

from auth_server.client_authentication.authenticate import Authenticator
from auth_server.errors import InvalidRequest
from auth_server.gateway_api.posted_json import read_posted_json
from auth_server.gateway_api.read_events import read_events
from auth_server.gateway_api.write_calls import write_or_refuse
from auth_server.web.dependencies import Clock, OpenDatabase
from auth_server.web.routing import MachineRouter
from gatepost.metering.call_event import (
    EVENTS_PATH,
    MOST_BYTES,
    MOST_EVENTS,
)

router = MachineRouter()

# The events and the client assertion.
_LIMIT = MOST_BYTES + 64 * 1024


@router.post(EVENTS_PATH)
async def take_events(
    request: Request, authenticator: Authenticator, database: OpenDatabase, now: Clock
) -> Response:
    """Write a gateway's events, each once even if it is delivered repeatedly.

    The response is sent after the commit. A malformed event, or one of another gateway, is kept apart,
    because it would otherwise block the events behind it.
    """
    # 1. Authenticate the gateway.
    body, resource = await read_posted_json(request, authenticator, limit=_LIMIT)
    # 2. Read the events.
    given = body.get("events")
    if not isinstance(given, list) or len(given) > MOST_EVENTS:
        raise InvalidRequest(f"events must be a list of at most {MOST_EVENTS}")
    events, refused = read_events(given, resource=resource)
    # 3. Write those not known yet.
    written, unwritable = await write_or_refuse(database, events, refused, now=now())
    counts = {
        "written": written,
        "known": len(events) - written - unwritable,
        "passed_over": len(refused) + unwritable,
    }
    return JSONResponse(counts, headers={"Cache-Control": "no-store"})
