"""Require an authorization code as the response, in the query."""

from auth_server.errors import InvalidRequest, UnsupportedResponseType
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest


async def require_code_response(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Refuse every response type except `code`, and every response mode except `query`.

    OAuth 2.1 does not have the implicit grant, which returned tokens in a redirect.
    """
    if request.parameters.require("response_type") != "code":
        raise UnsupportedResponseType("response_type must be code")
    if request.parameters.get("response_mode") not in {None, "query"}:
        raise InvalidRequest("response_mode must be query")
    return request
