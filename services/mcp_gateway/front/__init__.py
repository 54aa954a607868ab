"""The HTTP layer of the MCP endpoint, as the list of checks that `build_front` returns.

Each check adds to the request, or refuses it. The checks that don't need
a token come first; the message is read last.
"""

from dataclasses import dataclass

from gatepost.clock import Now
from mcp_gateway.auth.authenticator import Authenticator
from mcp_gateway.auth.challenge import Challenge
from mcp_gateway.front.authenticate import authenticate
from mcp_gateway.front.client_watch import ClientWatch
from mcp_gateway.front.exchange import Check
from mcp_gateway.front.guard_host_and_origin import guard_host_and_origin
from mcp_gateway.front.limit_body import limit_body
from mcp_gateway.front.open_stream import open_stream
from mcp_gateway.front.parse import parse
from mcp_gateway.front.require_media_types import require_media_types
from mcp_gateway.front.route import CountRequest, route
from mcp_gateway.front.show_browser_the_way import show_browser_the_way
from mcp_gateway.possession.require_possession import Possession
from mcp_gateway.wire.server import CurrentServer


@dataclass(frozen=True, slots=True)
class Address:
    """Where the endpoint is, and who may ask there."""

    resource: str
    hosts: frozenset[bytes]
    origins: frozenset[bytes]
    connect_page: str
    """The page that connects apps, for people who open the endpoint in a browser."""


def build_front(
    *,
    address: Address,
    authenticator: Authenticator,
    challenge: Challenge,
    possession: Possession,
    current: CurrentServer,
    watch: ClientWatch,
    count: CountRequest,
    now: Now,
) -> tuple[Check, ...]:
    """Return the checks of a request in order, each made with the values that it needs."""
    return (
        # Against DNS rebinding, before anything is read.
        guard_host_and_origin(address.hosts, address.origins, address.resource),
        show_browser_the_way(address.connect_page),
        limit_body,
        authenticate(authenticator, challenge, possession, now),
        open_stream(current, watch, count),  # some clients look for the challenge with GET or HEAD
        require_media_types,
        parse,
        route(current, watch, count),  # answers with the protocol
    )
