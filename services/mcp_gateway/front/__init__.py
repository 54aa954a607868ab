"""The HTTP front of the MCP endpoint, as the list of checks that `build_front` makes.

Each check takes what is known of the request and returns more, or refuses. What needs no token is
checked first; the message is looked at last.
"""

from gatepost.clock import Now
from mcp_gateway.auth.authenticator import Authenticator
from mcp_gateway.auth.challenge import Challenge
from mcp_gateway.front.authenticate import authenticate
from mcp_gateway.front.client_watch import ClientWatch
from mcp_gateway.front.exchange import Check
from mcp_gateway.front.guard_host_and_origin import guard_host_and_origin
from mcp_gateway.front.limit_body import limit_body
from mcp_gateway.front.parse import parse
from mcp_gateway.front.require_media_types import require_media_types
from mcp_gateway.front.require_post import require_post
from mcp_gateway.front.route import route
from mcp_gateway.wire.server import CurrentServer


def build_front(
    *,
    hosts: frozenset[bytes],
    origins: frozenset[bytes],
    authenticator: Authenticator,
    challenge: Challenge,
    current: CurrentServer,
    watch: ClientWatch,
    now: Now,
) -> tuple[Check, ...]:
    """List the checks of a request, each made with what it compares against."""
    return (
        guard_host_and_origin(hosts, origins),  # against DNS rebinding, before anything is read
        require_post,
        limit_body,
        authenticate(authenticator, challenge, now),
        require_media_types,
        parse,
        route(current, watch, origins),  # the protocol answers
    )
