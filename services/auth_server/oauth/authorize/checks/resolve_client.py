"""Find the client by its `client_id`."""

from dataclasses import replace

from auth_server.client_documents.resolve import resolve_client as resolve
from auth_server.errors import InvalidRequest, UnauthorizedClient
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest


async def resolve_client(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Find the client that `client_id` names, or that the document at this URL describes.

    RFC 6749 §2.2; MCP 2026-07-28, client registration. Only the logs contain the fault of a
    document: in the response, it would let strangers probe this server's network.
    """
    client_id = request.parameters.require("client_id")
    client = await resolve(
        context.db,
        client_id,
        database=context.database,
        documents=context.documents,
        stranger=context.address,
        now=context.now(),
    )
    if client is None:
        raise InvalidRequest("this server does not know the app's client_id; connect the app again")
    if "authorization_code" not in client.grant_types:
        raise UnauthorizedClient("this client may not ask people for access")
    return replace(request, client=client)
