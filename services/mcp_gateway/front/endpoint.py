"""The MCP endpoint: a plain ASGI app, since a framework would cost more than the protocol itself."""

from collections.abc import Callable, Sequence

import structlog

from mcp_gateway.front.answer_headers import answer_headers
from mcp_gateway.front.asgi import Disconnected, Receive, Scope, Send
from mcp_gateway.front.exchange import Check, Exchange, Refused
from mcp_gateway.wire.headers import fold_headers
from mcp_gateway.wire.jsonrpc import Reply

log = structlog.get_logger()


class McpEndpoint:
    """Runs every request through the checks and sends the answer."""

    def __init__(
        self, front: Sequence[Check], origins: frozenset[bytes], new_id: Callable[[], str]
    ) -> None:
        """Take the checks, the origins whose pages may read answers, and the maker of request ids."""
        self._front = front
        self._origins = origins
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        exchange = Exchange(
            self._new_id(), scope["method"], fold_headers(scope["headers"]), receive, send
        )
        try:
            for check in self._front:
                exchange = await check(exchange)
                if exchange.reply is not None:
                    break
            reply = exchange.reply or Reply(404)
        except Refused as refused:
            reply = refused.reply
            log.info(
                "request_refused",
                request_id=exchange.id,
                reason=refused.reason,
                status=reply.status,
            )
        except Disconnected:
            return
        if exchange.stream is not None:
            await exchange.stream.finish(reply.body, reply.headers)
            return
        headers = [*reply.headers, *answer_headers(exchange, self._origins)]
        if reply.body:
            headers.append((b"content-type", b"application/json"))
        # A 204 does not have a Content-Length (RFC 9110 §8.6).
        if reply.status != 204:
            headers.append((b"content-length", str(len(reply.body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})
