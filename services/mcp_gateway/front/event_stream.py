"""Answer with an event stream, opened by the first message before the final answer."""

import asyncio
from collections.abc import Callable

from mcp_gateway.front.asgi import Send
from mcp_gateway.wire.jsonrpc import HeaderLines

_HEADERS: HeaderLines = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # or nginx buffers the messages until the end
)


class EventStream:
    """Sends the messages of one request as they occur (streamable HTTP, server-sent events).

    The response starts with the first message: a request that ends without one is answered with
    JSON and its own status, unless the client accepts a stream alone.
    """

    __slots__ = ("_headers", "_lock", "_send", "gone", "opened", "waiting")

    def __init__(self, send: Send, headers: Callable[[], HeaderLines]) -> None:
        """Take the ASGI `send`, and the function that makes the answer's headers."""
        self._send = send
        self._headers = headers
        self._lock: asyncio.Lock | None = None
        self.opened = False
        self.gone = False
        """Whether the client has disconnected."""
        self.waiting = False
        """Whether the call is waiting for the client's answer."""

    async def emit(self, message: bytes) -> None:
        """Send one JSON-RPC message."""
        await self._write(_event(message), more=True)

    async def keep_alive(self) -> None:
        """Send a comment, so that proxies don't close an idle connection."""
        await self._write(b": keep-alive\n\n", more=True)

    async def finish(self, message: bytes, headers: HeaderLines = ()) -> None:
        """Send the last message, if there is one, and close; the headers go with the first message."""
        await self._write(_event(message) if message else b"", more=False, added=headers)

    async def _write(self, text: bytes, *, more: bool, added: HeaderLines = ()) -> None:
        if self._lock is None:
            self._lock = asyncio.Lock()
        # The keep-alive and the call itself may write at the same time.
        async with self._lock:
            if not self.opened:
                headers = [*_HEADERS, *added, *self._headers()]
                await self._send({"type": "http.response.start", "status": 200, "headers": headers})
                self.opened = True
            await self._send({"type": "http.response.body", "body": text, "more_body": more})


def _event(message: bytes) -> bytes:
    # An upstream's JSON is passed on unchanged, and a line break in it would end the event.
    return b"data: " + message.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n\n"
