"""The answer as an event stream, opened when something is to be said before the end."""

import asyncio
from collections.abc import Callable

from mcp_gateway.front.asgi import Send
from mcp_gateway.wire.jsonrpc import HeaderLines

_HEADERS: HeaderLines = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # or nginx keeps what is said until the end
)


class EventStream:
    """Sends messages of one request as they come (streamable HTTP, server-sent events).

    Nothing is sent, and nothing decided, before the first one: a request that ends without any is
    answered with JSON under the status it deserves.
    """

    __slots__ = ("_headers", "_lock", "_send", "gone", "opened", "waiting")

    def __init__(self, send: Send, headers: Callable[[], HeaderLines]) -> None:
        """Take where to send, and the headers that every answer to this request has."""
        self._send = send
        self._headers = headers
        self._lock: asyncio.Lock | None = None
        self.opened = False
        self.gone = False
        """Whether the client has left."""
        self.waiting = False
        """Whether the call does nothing but wait for the client."""

    async def emit(self, message: bytes) -> None:
        """Send one JSON-RPC message."""
        await self._write(_event(message), more=True)

    async def keep_alive(self) -> None:
        """Send a comment, so that no proxy takes the silence for an end."""
        await self._write(b": keep-alive\n\n", more=True)

    async def finish(self, message: bytes) -> None:
        """Send the last message and close."""
        await self._write(_event(message), more=False)

    async def _write(self, text: bytes, *, more: bool) -> None:
        if self._lock is None:
            self._lock = asyncio.Lock()
        # The keep-alive and the call itself may both have something to say.
        async with self._lock:
            if not self.opened:
                headers = [*_HEADERS, *self._headers()]
                await self._send({"type": "http.response.start", "status": 200, "headers": headers})
                self.opened = True
            await self._send({"type": "http.response.body", "body": text, "more_body": more})


def _event(message: bytes) -> bytes:
    # An upstream's JSON is passed on as it was written, and a line break would end the event.
    return b"data: " + message.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n\n"
