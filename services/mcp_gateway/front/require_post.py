"""Serve POST only: the gateway offers neither a stream for GET nor a session for DELETE."""

from mcp_gateway.front.exchange import Exchange, Refused
from mcp_gateway.wire.jsonrpc import Reply


async def require_post(exchange: Exchange) -> Exchange:
    """Refuse other methods with 405, as every protocol revision allows."""
    if exchange.method != "POST":
        raise Refused("method_not_allowed", Reply(405, headers=((b"allow", b"POST"),)))
    return exchange
