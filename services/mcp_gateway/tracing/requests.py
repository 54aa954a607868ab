"""Record some of the requests to the MCP endpoint."""

from collections.abc import Sequence
from time import time_ns

from gatepost.tracing import names
from gatepost.tracing.sampling import SentContext, read_context
from gatepost.tracing.tracing import Tracing, fail
from mcp_gateway.front.exchange import Check, Exchange, Refused
from mcp_gateway.front.route import name_method
from mcp_gateway.wire.headers import Headers
from mcp_gateway.wire.modern import VERSION_HEADER

_LONGEST_VERSION = 32
_REFUSED = "refused"


def trace_request(checks: Sequence[Check], tracing: Tracing) -> tuple[Check, ...]:
    """Make one check of all, the last of which answers the message.

    The trace context in the message's `_meta` is the parent (SEP-414), and the one in the HTTP headers a
    link: one HTTP request may carry several messages. A context in the headers alone is the parent.
    """
    *before, answer = checks
    sampling = tracing.sampling

    async def check(exchange: Exchange) -> Exchange:
        began = time_ns()
        try:
            for one in before:
                exchange = await one(exchange)
                if exchange.reply is not None:
                    return exchange
        except Refused as refused:
            if sampling.draw():
                _record_refusal(tracing, exchange, refused, began)
            raise
        message, headers = exchange.message, exchange.headers
        params = message.get("params") if isinstance(message, dict) else None
        meta = params.get("_meta") if isinstance(params, dict) else None
        sent = around = None
        if isinstance(meta, dict) and "traceparent" in meta:
            sent = read_context(meta["traceparent"], meta.get("tracestate"))
        if (header := headers.get(b"traceparent")) is not None:
            around = _read_headers(header, headers)
        if sent is None:
            sent, around = around, None
        if not sampling.choose(sent):
            return await answer(exchange)
        method = name_method(message)
        with tracing.serving(
            method, _describe(exchange, method), parent=sent, around=around, began=began
        ) as span:
            span.add_event(names.FRONT_PASSED)
            exchange = await answer(exchange)
            if exchange.reply is not None and exchange.reply.error:
                span.set_attribute(names.RPC_STATUS, exchange.reply.error)
                fail(span, exchange.reply.error)
        return exchange

    return (check,)


def _describe(exchange: Exchange, method: str) -> dict[str, str]:
    caller = exchange.caller
    assert caller is not None  # noqa: S101 - the order of the checks
    described = {
        names.METHOD: method,
        names.TRANSPORT: "tcp",
        names.PROTOCOL: "http",
        names.CALL: exchange.id,
        names.TENANT: caller.tenant_id,
    }
    version = exchange.headers.get(VERSION_HEADER)
    if version is not None:
        described[names.PROTOCOL_VERSION] = version.decode("latin-1")[:_LONGEST_VERSION]
    given = exchange.message.get("id") if isinstance(exchange.message, dict) else None
    if isinstance(given, int):
        described[names.REQUEST_ID] = str(given)
    return described


def _read_headers(traceparent: bytes, headers: Headers) -> SentContext | None:
    # A header that is sent twice is malformed (W3C Trace Context §3.2.1).
    if b"traceparent" in headers.repeated:
        return None
    state = headers.get(b"tracestate")
    usable = state is not None and b"tracestate" not in headers.repeated
    return read_context(
        traceparent.decode("latin-1"), state.decode("latin-1") if state and usable else None
    )


def _record_refusal(tracing: Tracing, exchange: Exchange, refused: Refused, began: int) -> None:
    described: dict[str, str | int] = {
        names.HTTP_STATUS: refused.reply.status,
        names.CALL: exchange.id,
    }
    with tracing.serving(_REFUSED, described, began=began) as span:
        fail(span, refused.reason)
