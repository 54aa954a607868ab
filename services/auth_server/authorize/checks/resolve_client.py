"""The client must be known."""

from dataclasses import replace

from auth_server.authorize.request import AuthorizeRequest, CheckContext
from auth_server.clients.store import find_client
from auth_server.errors import InvalidRequest, UnauthorizedClient


async def resolve_client(request: AuthorizeRequest, context: CheckContext) -> AuthorizeRequest:
    """Find the client that `client_id` names (RFC 6749 §2.2)."""
    client = await find_client(context.db, request.parameters.require("client_id"))
    if client is None:
        raise InvalidRequest("this server does not know the app's client_id; connect the app again")
    if "authorization_code" not in client.grant_types:
        raise UnauthorizedClient("this client may not ask people for access")
    return replace(request, client=client)
