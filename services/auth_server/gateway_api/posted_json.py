"""Read the JSON that a gateway posts, with the two members that authenticate it."""

from typing import Any

import orjson
from fastapi import Request

from auth_server.client_authentication.authenticate import ClientAuthenticator
from auth_server.errors import InvalidRequest, UnauthorizedClient
from auth_server.web.forms import Parameters, media_type, read_body

_PROOF = ("client_assertion_type", "client_assertion")


async def read_posted_json(
    request: Request, authenticator: ClientAuthenticator, *, limit: int
) -> tuple[dict[str, Any], str]:
    """Read a body of at most `limit` bytes and authenticate its sender.

    Returns:
        The body, and the resource of the gateway.

    Raises:
        InvalidRequest: the body is not a JSON object.
        InvalidClient: the sender is not authenticated.
        UnauthorizedClient: the sender is not a gateway.
    """
    if media_type(request) != "application/json":
        raise InvalidRequest("the body must be application/json")
    try:
        body = orjson.loads(await read_body(request, limit=limit))
    except orjson.JSONDecodeError:
        raise InvalidRequest("the body is not JSON") from None
    if not isinstance(body, dict):
        raise InvalidRequest("the body must be an object")
    proof = {name: (body[name],) for name in _PROOF if isinstance(body.get(name), str)}
    client = await authenticator.authenticate(Parameters(proof), request)
    if client.source != "gateway":
        raise UnauthorizedClient("only gateways can send this")
    return body, client.client_id
