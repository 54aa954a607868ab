"""Refuse clients whose id no tenant can know in advance."""

from auth_server.errors import UnauthorizedClient
from auth_server.oauth.token_endpoint.identity_assertion.assertion import CheckedAssertion
from auth_server.oauth.token_endpoint.request import TokenRequest


async def require_known_client(
    checked: CheckedAssertion, request: TokenRequest
) -> CheckedAssertion:
    """Accept managed clients that authenticate, and clients that a document describes.

    A client with a document may be public, as the MCP extension allows (§5). Its tenant's admin names
    it, and the assertion is for it alone and once.

    Raises:
        UnauthorizedClient: the client registered itself, is a gateway, or is managed and public.
    """
    client = request.client
    authenticates = client.token_endpoint_auth_method != "none"  # noqa: S105 - the method's name
    if client.source == "document" or (client.source == "managed" and authenticates):
        return checked
    raise UnauthorizedClient(
        "identity assertions are for clients with a metadata document, and for clients that the "
        "operator registered and that authenticate"
    )
