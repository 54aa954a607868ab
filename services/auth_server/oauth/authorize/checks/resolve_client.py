"""Find the client by its `client_id`."""

from dataclasses import replace

from auth_server.client_documents.resolve import resolve_client as resolve
from auth_server.errors import InvalidRequest, UnauthorizedClient
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest
from auth_server.outbound.cache import DocumentUnavailable

_NOT_READ = (
    "it was not read; its host must be public and answer 200 within 5 seconds, with at most 16 KiB"
)


async def resolve_client(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Find the client that `client_id` names, or that the document at this URL describes.

    RFC 6749 §2.2; MCP 2026-07-28, client registration. The refusal names the fault of a document, but
    only the logs say why one was not read: strangers must not probe this server's network.
    """
    client_id = request.parameters.require("client_id")
    try:
        client = await resolve(
            context.db,
            client_id,
            database=context.database,
            documents=context.documents,
            stranger=context.address,
            now=context.now(),
        )
    except DocumentUnavailable as error:
        fault = _NOT_READ if error.outage else str(error)
        raise InvalidRequest(f"the app's client metadata document can't be used: {fault}") from None
    if client is None:
        raise InvalidRequest("this server does not know the app's client_id; connect the app again")
    if "authorization_code" not in client.grant_types:
        raise UnauthorizedClient("this client may not ask people for access")
    return replace(request, client=client)
