"""Keep the client's `state`, without interpreting it."""

from dataclasses import replace

from auth_server.errors import InvalidRequest
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest

_LONGEST = 4096


async def read_state(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Keep the client's `state` for the response (RFC 6749 §4.1.1)."""
    state = request.parameters.get("state")
    if state is not None and len(state) > _LONGEST:
        raise InvalidRequest(f"state is longer than {_LONGEST} characters")
    return replace(request, state=state)
