"""CORS for endpoints that browser-based clients call: any origin, never with credentials."""

from auth_server.web.routing import Paths
from gatepost.logs import App, Message, Receive, Scope, Send

_HEADERS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"www-authenticate, retry-after, x-request-id"),
]
_PREFLIGHT = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE"),
    (b"access-control-allow-headers", b"authorization, content-type, mcp-protocol-version"),
    (b"access-control-max-age", b"3600"),
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
