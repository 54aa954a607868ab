"""The HTTP layer of the MCP endpoint, as the list of checks that `build_front` returns.

Each check adds to the request, or refuses it. The checks that don't need
a token come first; the message is read last.
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
    resource: str,
    authenticator: Authenticator,
    challenge: Challenge,
    current: CurrentServer,
    watch: ClientWatch,
    now: Now,
) -> tuple[Check, ...]:
    """Return the checks of a request in order, each made with the values that it needs."""
    return (
        guard_host_and_origin(
            hosts, origins, resource
        ),  # against DNS rebinding, before anything is read
        limit_body,
        authenticate(authenticator, challenge, now),
        require_post,  # some clients look for the challenge with GET or HEAD
        require_media_types,
        parse,
        route(current, watch),  # answers with the protocol
    )
