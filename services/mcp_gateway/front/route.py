"""Hand the message to the protocol era its header names."""

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from mcp_gateway.front.disconnect import stop_when_gone
from mcp_gateway.front.exchange import Door, Exchange
from mcp_gateway.wire import handshake, modern

_HANDSHAKE = frozenset(version.encode() for version in HANDSHAKE_PROTOCOL_VERSIONS)


async def route(exchange: Exchange, door: Door) -> Exchange:
    """Answer by the `MCP-Protocol-Version` header; without one, as 2025-03-26 prescribes.

    A version nobody knows is for the modern era to refuse, in the words newer clients negotiate by.
    """
    caller = exchange.caller
    assert caller is not None  # noqa: S101 - the order of FRONT
    headers = exchange.headers
    version = headers.get(modern.VERSION_HEADER)
    known = version is None or version in _HANDSHAKE
    if known and modern.VERSION_HEADER not in headers.repeated:
        reply = await handshake.answer(
            door.server,
            exchange.message,
            version=version.decode() if version else None,
            caller=caller,
            request_id=exchange.id,
        )
    else:
        work = modern.answer(
            door.server,
            exchange.message,
            headers=headers,
            caller=caller,
            request_id=exchange.id,
        )
        # In this era going away means cancel (2026-07-28 Cancellation); before, it meant nothing.
        reply = await stop_when_gone(work, exchange.receive)
    return exchange._replace(reply=reply)
