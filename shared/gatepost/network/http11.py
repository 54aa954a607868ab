"""Serve HTTP/1.1 to clients that offer another protocol, such as HTTP/2 by `Upgrade: h2c`.

The JDK's `HttpClient` makes this offer with every request over plain HTTP. A server may ignore it
(RFC 9110 §7.8), but httptools takes the body for the other protocol, and uvicorn drops it.
"""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 << 10
"""Bytes of a request's first line and headers; uvicorn itself has no limit."""
ARRIVAL_SECONDS = 60.0
"""Seconds in which a request arrives, head and body; uvicorn itself waits without end."""
_LATE = b"The request did not arrive in time."
_MOST_WAITING = 16
"""Requests that a client may send before it has the answer to an earlier one."""


class Http11(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, which ignores `Upgrade`, and refuses what would take long to read or to arrive."""

    arrival_seconds = ARRIVAL_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take uvicorn's arguments.

        Raises:
            RuntimeError: the parser is not where uvicorn 0.54 keeps it.
        """
        super().__init__(*args, **kwargs)
        if type(self.parser) is not httptools.HttpRequestParser:
            raise RuntimeError("uvicorn keeps its parser elsewhere; install the pinned version")
        self.parser = _Parser(self)
        self._heads = self._in_head = self._head = 0
        self._arrives = False
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """Begin a connection, which may be idle at its beginning for as long as between two requests."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        self._unset_keepalive_if_required()
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read a piece of a request, and refuse a head that does not end, or a request that does not."""
        before = self._heads
        super().data_received(data)
        # Most requests arrive in one piece, and cost no timer.
        if self._arrives and self._late is None and not self.transport.is_closing():
            self._wait()
        if self._in_head and self._heads == before:
            self._head += len(data)
            if self._head > MAX_HEAD and not self.transport.is_closing():
                self.send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        """Start a request, unless many are waiting already.

        Raises:
            ValueError: uvicorn then answers 400 and closes the connection.
        """
        self._heads, self._in_head, self._head = self._heads + 1, 1, 0
        self._arrives = True
        if len(self.pipeline) >= _MOST_WAITING:
            raise ValueError("too many requests wait for their answers")
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header to a head of limited length.

        Raises:
            ValueError: uvicorn then answers 400 and closes the connection.
        """
        self._head += len(name) + len(value) + 4
        if self._head > MAX_HEAD:
            raise ValueError("the head of the request is too long")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the request, unless `feed_data` is going to repeat its head."""
        self._in_head = 0
        if not _offers_upgrade(self.parser):
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End the request, unless `feed_data` is going to repeat its head."""
        if not _offers_upgrade(self.parser):
            self._arrives = False
            self._stop_waiting()
            super().on_message_complete()

    def _wait(self) -> None:
        self._late = self.loop.call_later(self.arrival_seconds, self._refuse_late)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _refuse_late(self) -> None:
        """Close the connection, with an answer unless one has begun (RFC 9110 §15.5.9)."""
        if self.transport.is_closing():
            return
        if self.pipeline or self.flow.read_paused:
            self._wait()  # for our own work, not for the client
            return
        cycle = self.cycle
        begun = cycle is not None and (
            not cycle.response_complete if self._in_head else cycle.response_started
        )
        if begun:
            self.transport.abort()  # a client that does not read either would hold up `close`
            return
        head = (
            b"HTTP/1.1 408 Request Timeout",
            *(b"%b: %b" % line for line in self.server_state.default_headers),
            b"content-type: text/plain; charset=utf-8",
            b"content-length: %d" % len(_LATE),
            b"connection: close",
        )
        self.transport.write(b"\r\n".join([*head, b"", _LATE]))
        self.transport.close()

    def head_without_upgrade(self) -> bytes:
        """Return the head of the current request without its `Upgrade` lines."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        kept = [b"%b: %b" % line for line in self.headers if line[0] != b"upgrade"]
        return b"\r\n".join([b"%b %b HTTP/%b" % (method, self.url, version), *kept, b"", b""])


class _Parser(httptools.HttpRequestParser):
    """A parser that reads a request with `Upgrade` as one without."""

    def __init__(self, protocol: Http11) -> None:
        super().__init__(protocol)
        # As uvicorn's own parser.
        self.set_dangerous_leniencies(lenient_data_after_close=True)
        self._protocol = protocol

    def feed_data(self, data: Any) -> None:
        while True:
            try:
                return super().feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                if not _offers_upgrade(self):
                    raise
                # A view, because a client may send thousands of such requests at once.
                data = memoryview(data)[upgrade.args[0] :]
                super().feed_data(self._protocol.head_without_upgrade())


def _offers_upgrade(parser: httptools.HttpRequestParser) -> bool:
    # httptools reports a CONNECT request as an upgrade, too.
    return parser.should_upgrade() and parser.get_method() != b"CONNECT"
