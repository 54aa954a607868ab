"""The headers of every answer of the MCP endpoint."""

from mcp_gateway.front.exchange import Exchange
from mcp_gateway.front.origins import match_origin
from mcp_gateway.wire.jsonrpc import HeaderLines

TOKEN_ENDS_IN = b"gatepost-token-expires-in"
"""Seconds until the request's access token expires; sent shortly before it does."""
DPOP_NONCE = b"dpop-nonce"
_EXPOSED = (
    b"www-authenticate, x-request-id, mcp-session-id, retry-after, ratelimit, ratelimit-policy, "
    + DPOP_NONCE
    + b", "
    + TOKEN_ENDS_IN
)


def answer_headers(exchange: Exchange, origins: frozenset[bytes]) -> HeaderLines:
    """Return the request's id, and CORS headers if the request came from an allowed origin."""
    named: HeaderLines = ((b"x-request-id", exchange.id.encode()),)
    if exchange.token_ends_in is not None:
        named = (*named, (TOKEN_ENDS_IN, str(max(exchange.token_ends_in, 0)).encode()))
    if exchange.dpop_nonce is not None:
        named = (*named, (DPOP_NONCE, exchange.dpop_nonce.encode()))
    origin = exchange.headers.get(b"origin")
    if origin is None or not match_origin(origin, origins):
        return named
    return (
        *named,
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", _EXPOSED),
        (b"vary", b"origin"),
    )
