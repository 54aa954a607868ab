"""Reject request objects."""

from auth_server.errors import RequestNotSupported, RequestUriNotSupported
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest


async def reject_request_objects(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Refuse request objects, by value and by reference (OpenID Connect Core §6)."""
    if request.parameters.get("request"):
        raise RequestNotSupported("send the request as parameters, not as a request object")
    if request.parameters.get("request_uri"):
        raise RequestUriNotSupported("send the request as parameters, not by request_uri")
    return request
