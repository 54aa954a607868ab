"""Require that some clients push their requests."""

from auth_server.errors import InvalidRequest
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest


async def require_pushed_request(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Refuse a request in the browser of a client that must push its requests (RFC 9126 §6).

    Raises:
        InvalidRequest: it was not pushed.
    """
    if request.known_client().must_push and not request.is_pushed:
        raise InvalidRequest("this client must push its authorization requests to /par")
    return request
