"""Pass the message to the protocol era that its header names."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from mcp_gateway.front.client_watch import ClientWatch
from mcp_gateway.front.exchange import Check, Exchange
from mcp_gateway.wire import handshake, modern
from mcp_gateway.wire.headers import Headers
from mcp_gateway.wire.listening import LISTEN
from mcp_gateway.wire.server import CurrentServer

CountRequest = Callable[[str, str, float], None]
_METHODS = {
    *(*handshake.METHODS, *handshake.SESSION_METHODS, *modern.METHODS, LISTEN),
    *("batch", "notifications/initialized"),
}
_HANDSHAKE = frozenset(version.encode() for version in HANDSHAKE_PROTOCOL_VERSIONS)


def route(current: CurrentServer, watch: ClientWatch, count: CountRequest) -> Check:
    """Answer by the `MCP-Protocol-Version` header; without it, as 2025-03-26 prescribes.

    `count` takes the method, the error and the seconds of each request except tool calls, which the
    pipeline counts.

    The modern era refuses an unknown version, with the error that newer clients negotiate by.
    """

    async def check(exchange: Exchange) -> Exchange:
        caller = exchange.caller
        assert caller is not None  # noqa: S101 - `authenticate` comes first
        headers = exchange.headers
        version = headers.get(modern.VERSION_HEADER)
        is_modern = not is_handshake(headers)
        if is_modern:
            work = modern.answer(
                current.server,
                exchange.message,
                headers=headers,
                caller=caller,
                request_id=exchange.id,
                sink=exchange.stream,
            )
        else:
            work = handshake.answer(
                current.server,
                exchange.message,
                version=version.decode() if version else None,
                session=headers.get(handshake.SESSION_HEADER),
                caller=caller,
                request_id=exchange.id,
                sink=exchange.stream,
            )
        # A disconnect cancels the call in the modern era (2026-07-28 Cancellation), but not before.
        run = watch.run(work, exchange.receive, exchange.stream, leaving_cancels=is_modern)
        method = name_method(exchange.message)
        if method == "tools/call":
            return exchange.with_reply(await run)
        started = perf_counter()
        reply = await run
        count(method, reply.error, perf_counter() - started)
        return exchange.with_reply(reply)

    return check


def is_handshake(headers: Headers) -> bool:
    """Tell whether a request is of the handshake era, or has no header that says so."""
    version = headers.get(modern.VERSION_HEADER)
    known = version is None or version in _HANDSHAKE
    return known and modern.VERSION_HEADER not in headers.repeated


def name_method(message: Any) -> str:
    """Name the method of a message for metrics and traces; `other` stands for invented names."""
    method = message.get("method") if isinstance(message, dict) else "batch"
    return method if isinstance(method, str) and method in _METHODS else "other"
