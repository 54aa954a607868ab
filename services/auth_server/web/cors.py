"""CORS for endpoints that scripts of other origins call, never with credentials."""

from collections.abc import Collection

from starlette.datastructures import Headers

from auth_server.web.routing import Paths
from gatepost.logs import App, Message, Receive, Scope, Send

_HEADERS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"www-authenticate, retry-after, x-request-id, dpop-nonce"),
]
_PREFLIGHT = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE"),
    (b"access-control-allow-headers", b"authorization, content-type, dpop, mcp-protocol-version"),
    (b"access-control-max-age", b"3600"),
    (b"content-length", b"0"),
]

_LISTED_PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, PUT, PATCH, DELETE"),
    (b"access-control-allow-headers", b"authorization, content-type"),
    (b"access-control-max-age", b"600"),
    (b"content-length", b"0"),
]


class PublicCors:
    """Lets scripts of any origin read the responses of the given paths (Fetch standard, CORS)."""

    def __init__(self, app: App, *, paths: Paths) -> None:
        """Wrap an ASGI app."""
        self._app = app
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer preflights, and add CORS headers to the responses of the public paths."""
        path = scope.get("path", "")
        if scope["type"] != "http" or path not in self._paths:
            await self._app(scope, receive, send)
            return
        names = {name for name, _ in scope["headers"]}
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in names:
            await send({"type": "http.response.start", "status": 204, "headers": _PREFLIGHT})
            await send({"type": "http.response.body", "body": b""})
            return

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
            await send(message)

        await self._app(scope, receive, send_marked)


class ListedCors:
    """Lets scripts of listed origins call an API and read its responses, and refuses those of others.

    Requests without `Origin` come from programs.
    """

    def __init__(self, app: App, *, origins: Collection[str], refusal: App) -> None:
        """Wrap an ASGI app; `refusal` answers requests of other origins."""
        self._app = app
        self._origins = frozenset(origins)
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer preflights, and add CORS headers to the responses."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        origin = headers.get("origin")
        if origin is None:
            await self._app(scope, receive, send)
            return
        if origin not in self._origins:
            await self._refusal(scope, receive, send)
            return
        allowed = [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", b"www-authenticate, retry-after, x-request-id"),
            (b"vary", b"origin"),
        ]
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            answer = [*allowed, *_LISTED_PREFLIGHT]
            await send({"type": "http.response.start", "status": 204, "headers": answer})
            await send({"type": "http.response.body", "body": b""})
            return

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *allowed]}
            await send(message)

        await self._app(scope, receive, send_marked)
