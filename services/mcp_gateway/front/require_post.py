"""Serve POST alone: there is no stream to open with GET and no session to end with DELETE."""

from mcp_gateway.front.exchange import Exchange, Refused
from mcp_gateway.wire.jsonrpc import Reply


async def require_post(exchange: Exchange) -> Exchange:
    """Refuse every other method with 405, as every revision allows."""
    if exchange.method != "POST":
        raise Refused("method_not_allowed", Reply(405, headers=((b"allow", b"POST"),)))
    return exchange
