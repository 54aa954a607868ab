"""Pass the message to the protocol era that its header names."""

from functools import partial

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from mcp_gateway.front.accept import accepts_json, accepts_stream
from mcp_gateway.front.answer_headers import answer_headers
from mcp_gateway.front.client_watch import ClientWatch
from mcp_gateway.front.event_stream import EventStream
from mcp_gateway.front.exchange import Check, Exchange
from mcp_gateway.wire import handshake, modern
from mcp_gateway.wire.server import CurrentServer

_HANDSHAKE = frozenset(version.encode() for version in HANDSHAKE_PROTOCOL_VERSIONS)


def route(current: CurrentServer, watch: ClientWatch, origins: frozenset[bytes]) -> Check:
    """Answer by the `MCP-Protocol-Version` header; without it, as 2025-03-26 prescribes.

    The modern era refuses an unknown version, with the error that newer clients negotiate by.
    """

    async def check(exchange: Exchange) -> Exchange:
        caller = exchange.caller
        assert caller is not None  # noqa: S101 - `authenticate` comes first
        headers = exchange.headers
        version = headers.get(modern.VERSION_HEADER)
        known = version is None or version in _HANDSHAKE
        stream = (
            EventStream(exchange.send, partial(answer_headers, exchange, origins))
            if accepts_stream(headers)
            else None
        )
        is_modern = not known or modern.VERSION_HEADER in headers.repeated
        if is_modern:
            work = modern.answer(
                current.server,
                exchange.message,
                headers=headers,
                caller=caller,
                request_id=exchange.id,
                sink=stream,
            )
        else:
            work = handshake.answer(
                current.server,
                exchange.message,
                version=version.decode() if version else None,
                session=headers.get(handshake.SESSION_HEADER),
                caller=caller,
                request_id=exchange.id,
                sink=stream,
            )
        # A disconnect cancels the call in the modern era (2026-07-28 Cancellation), but not before.
        reply = await watch.run(work, exchange.receive, stream, leaving_cancels=is_modern)
        if stream is not None and (
            stream.opened or (reply.status == 200 and not accepts_json(headers))
        ):
            exchange = exchange.with_stream(stream)
        return exchange.with_reply(reply)

    return check
