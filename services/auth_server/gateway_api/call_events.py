"""POST /internal/events."""

from typing import Any

import orjson
from fastapi import Request
from starlette.responses import JSONResponse, Response

from auth_server.client_authentication.authenticate import Authenticator
from auth_server.errors import InvalidRequest, UnauthorizedClient
from auth_server.gateway_api.read_events import read_events
from auth_server.gateway_api.write_calls import write_or_refuse
from auth_server.web.dependencies import Clock, OpenDatabase
from auth_server.web.forms import Parameters, media_type, read_body
from auth_server.web.routing import MachineRouter
from gatepost.metering.call_event import (
    EVENTS_PATH,
    MOST_BYTES,
    MOST_EVENTS,
)

router = MachineRouter()

# The events and the client assertion.
_LIMIT = MOST_BYTES + 64 * 1024
_PROOF = ("client_assertion_type", "client_assertion")


@router.post(EVENTS_PATH)
async def take_events(
    request: Request, authenticator: Authenticator, database: OpenDatabase, now: Clock
) -> Response:
    """Write a gateway's events, each once even if it is delivered repeatedly.

    The response is sent after the commit. A malformed event, or one of another gateway, is kept apart,
    because it would otherwise block the events behind it.
    """
    body = await _read(request)
    # 1. Authenticate the gateway.
    proof = {name: (body[name],) for name in _PROOF if isinstance(body.get(name), str)}
    client = await authenticator.authenticate(Parameters(proof), request)
    if client.source != "gateway":
        raise UnauthorizedClient("only gateways send events")
    # 2. Read the events.
    given = body.get("events")
    if not isinstance(given, list) or len(given) > MOST_EVENTS:
        raise InvalidRequest(f"events must be a list of at most {MOST_EVENTS}")
    events, refused = read_events(given, resource=client.client_id)
    # 3. Write those not known yet.
    written, unwritable = await write_or_refuse(database, events, refused, now=now())
    counts = {
        "written": written,
        "known": len(events) - written - unwritable,
        "passed_over": len(refused) + unwritable,
    }
    return JSONResponse(counts, headers={"Cache-Control": "no-store"})


async def _read(request: Request) -> dict[str, Any]:
    if media_type(request) != "application/json":
        raise InvalidRequest("the body must be application/json")
    try:
        body = orjson.loads(await read_body(request, limit=_LIMIT))
    except orjson.JSONDecodeError:
        raise InvalidRequest("the body is not JSON") from None
    if not isinstance(body, dict):
        raise InvalidRequest("the body must be an object")
    return body
