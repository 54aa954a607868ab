"""Open the stream of the handshake era, which a client asks for with GET (2025-11-25 transports)."""

from time import perf_counter

from mcp_gateway.front.accept import bare_media_type
from mcp_gateway.front.client_watch import ClientWatch
from mcp_gateway.front.exchange import Check, Exchange, Refused, refuse
from mcp_gateway.front.route import CountRequest, is_handshake
from mcp_gateway.notifications.listeners import TooManyListeners
from mcp_gateway.wire import handshake
from mcp_gateway.wire.jsonrpc import Reply
from mcp_gateway.wire.listening import RETRY_SECONDS
from mcp_gateway.wire.server import CurrentServer

_NAME = "GET"


def open_stream(current: CurrentServer, watch: ClientWatch, count: CountRequest) -> Check:
    """Serve the stream, let a POST pass, and refuse every other method.

    Later revisions have no such stream, and none has sessions that DELETE could end.

    Raises:
        Refused: 405 for another method or revision, and if there is no room or no stream at all, as
            every revision allows; 406 unless the client names the media type of streams.
    """

    async def check(exchange: Exchange) -> Exchange:
        if exchange.method == "POST":
            return exchange
        server = current.server
        offered = server.listeners.are_offered and is_handshake(exchange.headers)
        if exchange.method != "GET" or not offered:
            allowed = b"GET, POST" if offered else b"POST"
            raise Refused("method_not_allowed", Reply(405, headers=((b"allow", allowed),)))
        caller, stream = exchange.caller, exchange.stream
        assert caller is not None  # noqa: S101 - `authenticate` comes first
        if stream is None or not _names_stream(exchange.headers.get(b"accept") or b""):
            raise refuse(406, "not_acceptable", "send Accept: text/event-stream")
        work = handshake.open_stream(
            server, exchange.headers.get(handshake.SESSION_HEADER), caller, stream
        )
        started = perf_counter()
        try:
            reply = await watch.run(work, exchange.receive, stream, leaving_cancels=True)
        except TooManyListeners as full:
            retry = (b"retry-after", str(RETRY_SECONDS).encode())
            raise refuse(405, "too_many_streams", str(full), (b"allow", b"POST"), retry) from None
        count(_NAME, reply.error, perf_counter() - started)
        return exchange.with_reply(reply)

    return check


def _names_stream(accept: bytes) -> bool:
    return b"text/event-stream" in map(bare_media_type, accept.split(b","))
