"""Record some of the requests, without their URLs, whose queries and paths hold secrets."""

from collections.abc import Collection

from auth_server.web.measured import KNOWN_METHODS, route_of
from gatepost.logs import App, Message, Receive, Scope, Send
from gatepost.tracing import names
from gatepost.tracing.sampling import SentContext, read_context
from gatepost.tracing.tracing import Tracing, fail


class Traced:
    """Makes a span of each request that is recorded, named by its route."""

    def __init__(self, app: App, *, paths: Collection[str]) -> None:
        """Wrap an ASGI app; `paths` are those of plain routes and of mounted apps."""
        self._app = app
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        tracing: Tracing = scope["state"]["resources"].tracing
        sent = _read_context(scope)
        if not tracing.sampling.choose(sent):
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in KNOWN_METHODS else "_OTHER"
        with tracing.serving(method, {names.HTTP_METHOD: method}, parent=sent) as span:

            async def send_noting(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute(names.HTTP_STATUS, message["status"])
                    if message["status"] >= 500:
                        fail(span, str(message["status"]))
                await send(message)

            try:
                await self._app(scope, receive, send_noting)
            finally:
                route = route_of(scope, self._paths)
                span.set_attribute(names.HTTP_ROUTE, route)
                span.update_name(f"{method} {route}")


def _read_context(scope: Scope) -> SentContext | None:
    sent: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in (b"traceparent", b"tracestate"):
            # A header that is sent twice is malformed (W3C Trace Context §3.2.1).
            sent[name] = "" if name in sent else value.decode("latin-1")
    return read_context(sent.get(b"traceparent"), sent.get(b"tracestate"))
