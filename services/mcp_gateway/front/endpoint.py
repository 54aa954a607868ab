"""The MCP endpoint: a plain ASGI app, since a framework would cost more than the protocol itself."""

from collections.abc import Callable, Sequence

import structlog
from mcp_types.jsonrpc import INTERNAL_ERROR

from mcp_gateway.front.accept import accepts_json, accepts_stream
from mcp_gateway.front.answer_headers import answer_headers
from mcp_gateway.front.asgi import CutOff, Disconnected, Receive, Scope, Send
from mcp_gateway.front.event_stream import EventStream
from mcp_gateway.front.exchange import Check, Exchange, Refused
from mcp_gateway.wire.headers import fold_headers
from mcp_gateway.wire.jsonrpc import Reply, RpcError, read_id, reply_error, write_error

_STOPS = (
    "The gateway stopped before this request was finished. If it was to change something, find out "
    "whether it did before you repeat it."
)

log = structlog.get_logger()


class McpEndpoint:
    """Runs every request through the checks and sends the answer."""

    def __init__(
        self,
        front: Sequence[Check],
        origins: frozenset[bytes],
        new_id: Callable[[], str],
        count_refusal: Callable[[str], None],
    ) -> None:
        """Take the checks and what else every request needs.

        Args:
            front: the checks.
            origins: the origins whose pages may read answers.
            new_id: makes request ids.
            count_refusal: counts a refused request by its reason.
        """
        self._front = front
        self._origins = origins
        self._new_id = new_id
        self._count_refusal = count_refusal

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send, organisation: str = ""
    ) -> None:
        """Serve one HTTP request; a fault of ours is logged and answered as JSON-RPC prescribes."""
        headers = fold_headers(scope["headers"])
        stream = None
        if accepts_stream(headers):
            # Its headers are made at the first message, from the request as it is known by then.
            stream = EventStream(send, lambda: answer_headers(exchange, self._origins))
        exchange = Exchange(
            self._new_id(), scope["method"], headers, receive, send, organisation, stream
        )
        try:
            for check in self._front:
                exchange = await check(exchange)
                if exchange.reply is not None:
                    break
            reply = exchange.reply or Reply(404)
        except Refused as refused:
            reply = refused.reply
            self._count_refusal(refused.reason)
            log.info(
                "request_refused",
                request_id=exchange.id,
                reason=refused.reason,
                status=reply.status,
            )
        except Disconnected:
            return
        except CutOff:
            log.warning("request_cut_off", request_id=exchange.id)
            reply = _report(exchange, _STOPS)
        except Exception:
            log.exception("request_fault", request_id=exchange.id)
            reply = _report(exchange, "The gateway could not answer this request.")
        if stream is not None and (
            stream.opened or (reply.status == 200 and not accepts_json(headers))
        ):
            await stream.finish(reply.body, reply.headers)
            return
        lines = [*reply.headers, *answer_headers(exchange, self._origins)]
        if reply.body:
            lines.append((b"content-type", b"application/json"))
        # A 204 does not have a Content-Length (RFC 9110 §8.6).
        if reply.status != 204:
            lines.append((b"content-length", str(len(reply.body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": lines})
        await send({"type": "http.response.body", "body": reply.body})


def _report(exchange: Exchange, said: str) -> Reply:
    """Answer a request that the gateway could not complete, with an id to quote to the operator."""
    error = RpcError(INTERNAL_ERROR, f"{said} Request id: {exchange.id}")
    if not isinstance(exchange.message, dict):
        return Reply(503, write_error(b"null", error))
    return reply_error(read_id(exchange.message), error, modern=True)
