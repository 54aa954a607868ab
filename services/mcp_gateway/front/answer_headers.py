"""The headers that every answer of the MCP endpoint has."""

from mcp_gateway.front.exchange import Exchange
from mcp_gateway.wire.jsonrpc import HeaderLines

TOKEN_ENDS_IN = b"gatepost-token-expires-in"
"""Seconds until the access token that a request came with is over; sent once they are few."""
_EXPOSED = b"www-authenticate, x-request-id, mcp-session-id, retry-after, " + TOKEN_ENDS_IN


def answer_headers(exchange: Exchange, origins: frozenset[bytes]) -> HeaderLines:
    """Name the request, and let the page that asked, if a known one did, read the answer."""
    named: HeaderLines = ((b"x-request-id", exchange.id.encode()),)
    if exchange.token_ends_in is not None:
        named = (*named, (TOKEN_ENDS_IN, str(max(exchange.token_ends_in, 0)).encode()))
    origin = exchange.headers.get(b"origin")
    if origin is None or origin.lower() not in origins:
        return named
    return (
        *named,
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", _EXPOSED),
        (b"vary", b"origin"),
    )
