"""The HTTP front of the MCP endpoint, in the order a request meets it.

Each check takes what is known of the request and returns more, or refuses. What needs no token is
checked first; the message is looked at last.
"""

from collections.abc import Awaitable, Callable

from mcp_gateway.front.authenticate import authenticate
from mcp_gateway.front.exchange import Door, Exchange
from mcp_gateway.front.guard_host_and_origin import guard_host_and_origin
from mcp_gateway.front.limit_body import limit_body
from mcp_gateway.front.media_types import media_types
from mcp_gateway.front.parse import parse
from mcp_gateway.front.require_post import require_post
from mcp_gateway.front.route import route

Check = Callable[[Exchange, Door], Awaitable[Exchange]]

FRONT: tuple[Check, ...] = (
    guard_host_and_origin,  # against DNS rebinding, before anything is read
    require_post,
    limit_body,
    authenticate,
    media_types,
    parse,
    route,  # the protocol answers
)
