"""Parse the body as JSON."""

import orjson
from mcp_types.jsonrpc import PARSE_ERROR

from mcp_gateway.front.exchange import Door, Exchange, Refused
from mcp_gateway.wire.jsonrpc import RpcError, reply_error


async def parse(exchange: Exchange, _: Door) -> Exchange:
    """Parse strict UTF-8 JSON.

    Raises:
        Refused: 400 with JSON-RPC error -32700.
    """
    try:
        message = orjson.loads(exchange.body)
    except orjson.JSONDecodeError:
        problem = RpcError(PARSE_ERROR, "The body is not JSON")
        raise Refused("parse_error", reply_error(b"null", problem, modern=True)) from None
    return exchange.with_message(message)
