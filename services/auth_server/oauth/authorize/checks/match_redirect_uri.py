"""Match the redirect URI with the client's own."""

from dataclasses import replace

from auth_server.errors import InvalidRequest
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest
from auth_server.records.clients import redirect_uris


async def match_redirect_uri(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Refuse a redirect URI that is not registered, byte for byte (RFC 9700 §4.1.3).

    The parameter is required even if the client registered only one: OAuth 2.1 §4.1.1 allows this,
    and every MCP client sends it.
    """
    asked = request.parameters.require("redirect_uri")
    if not redirect_uris.match_redirect_uri(request.known_client().redirect_uris, asked):
        raise InvalidRequest("redirect_uri is not registered for this client")
    return replace(request, redirect_uri=asked)
