"""Reject repeated parameters."""

from auth_server.oauth.authorize.request import CheckContext, CheckedRequest
from auth_server.web.forms import reject_repeats


async def reject_repeated_parameters(
    request: CheckedRequest, context: CheckContext
) -> CheckedRequest:
    """Refuse a repeated parameter, except `resource` (RFC 8707 §2)."""
    reject_repeats(request.parameters, except_for=frozenset({"resource"}))
    return request
