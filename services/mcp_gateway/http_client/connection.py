"""One connection to an origin: it sends a request and reads the whole answer, one at a time.

HTTP/1.1 (RFC 9112), parsed by llhttp in its strictest mode: a bare line feed, a folded line, two
lengths, or a length with a transfer coding end the connection, since other parsers may read them
differently.
"""

import asyncio
import re
import select
from collections.abc import Callable
from typing import NamedTuple, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from mcp_gateway.http_client.failures import too_large as too_large_failure
from mcp_gateway.http_client.failures import unreachable, unreadable
from mcp_gateway.http_client.port import RequestFailed

MAX_HEAD = 64 << 10
"""Bytes of status line and headers, including informational answers."""
MAX_HEADERS = 256
"""Header lines, since joining lines of one name takes time that grows with their number."""
_KEPT = re.compile(rb"timeout *= *([0-9]{1,9})", re.IGNORECASE)  # RFC 2068 §19.7.1.1


class Answer(NamedTuple):
    """A whole answer: header names in lower case, the body as received."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Unanswered(Exception):
    """The connection ended before the first byte of the answer."""

    def __init__(self, *, sent: bool) -> None:
        """Take whether the request was sent, so that the API may have seen it."""
        super().__init__("no answer")
        self.sent = sent


class Connection(asyncio.Protocol):
    """Sends requests, and tells its owner when it is free again or closed."""

    _transport: asyncio.Transport

    def __init__(
        self,
        most: int,
        *,
        reusable: bool,
        release: Callable[["Connection"], None],
        lost: Callable[["Connection"], None],
    ) -> None:
        """Take the most bytes of a body, and the owner's callbacks.

        Args:
            most: the most bytes of a body.
            reusable: whether it may carry another request after the first.
            release: called when it is free again.
            lost: called when it is closed.
        """
        self._most = most
        self._reusable = reusable
        self._release = release
        self._lost = lost
        self._made = False
        self._answer: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._status = 0
        self._parser = HttpResponseParser(self)
        self._unread: select.poll | None = None
        self.reused = False
        """Whether it was used before, so that the API may be about to close it."""
        self.kept: int | None = None
        """Seconds that the API keeps the connection open while idle, if it says so."""

    @property
    def usable(self) -> bool:
        """Whether the connection can take another request.

        It can't if the API has sent something that nobody asked for: the next request would take
        that for its answer.
        """
        if self._transport.is_closing():
            return False
        if self._unread is None:
            self._unread = select.poll()
            self._unread.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return not self._unread.poll(0)

    def ask(
        self,
        request: bytes,
        *,
        until: float,
        bodiless: bool,
        ends: Callable[[bytes | bytearray], bool] | None = None,
    ) -> "asyncio.Future[Answer]":
        """Send a request.

        Args:
            request: the bytes of the whole request.
            until: the loop's time at which to fail with `TimeoutError`.
            bodiless: whether the answer has a length but no body, as for HEAD.
            ends: tells from the body so far whether the rest is not needed.

        Returns:
            A future of the answer, which may fail with `Unanswered`, `TimeoutError` or
            `RequestFailed`.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        if self._transport.is_closing():
            answer.set_exception(Unanswered(sent=False))
            return answer
        self._answer = answer
        self._bodiless = bodiless
        self._ends = ends
        self._received = self._size = 0
        self._complete = self._dirty = False
        self._content: bytes | bytearray = b""
        self._begin()
        # uvloop's `call_at` costs three times as much.
        self._timer = loop.call_later(until - loop.time(), self._expire)
        self._transport.write(request)
        return answer

    def give_up(self, answer: "asyncio.Future[Answer]") -> None:
        """Close the connection unless the answer, which nobody awaits now, has arrived."""
        if self._answer is answer:
            self._settle()
            self._transport.abort()
        elif not answer.cancelled():
            answer.exception()  # or asyncio would log that the exception was never retrieved

    def close(self) -> None:
        """Close the connection; one that is still opening is left to the code that opens it."""
        if self._made:
            self._fail(unreachable())

    # Callbacks of the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)
        self._made = True

    def data_received(self, data: bytes) -> None:
        """Parse more of the answer; data without a request ends the connection."""
        if self._answer is None:
            self._transport.abort()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
            if not self._head_complete and self._received > MAX_HEAD:
                raise unreadable("has too long a head")
            # Framing may double the body's size; this bounds chunk extensions and trailers.
            if not self._complete and self._received > 2 * self._most + MAX_HEAD:
                raise too_large_failure(self._most)
        except RequestFailed as failure:
            self._fail(failure)
            return
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self._complete:
                # The parser wraps an exception of a callback as the context of its own error.
                ours = error.__context__
                not_http = unreadable("is not valid HTTP")
                self._fail(ours if isinstance(ours, RequestFailed) else not_http)
                return
            self._dirty = True
        if self._complete:
            self._finish()
        elif self._ends is not None and self._ends(self._content):
            self._dirty = True
            self._finish()

    def connection_lost(self, error: Exception | None) -> None:
        """Treat a clean close as the end of a body that has no length."""
        self._lost(self)
        if self._answer is None:
            return
        framed = b"content-length" in self._headers or b"transfer-encoding" in self._headers
        if error is None and self._head_complete and not framed:
            self._dirty = True
            self._finish()
        elif self._received:
            self._fail(unreachable())
        else:
            self._fail(Unanswered(sent=True))

    # Callbacks of the parser.

    def on_message_begin(self) -> None:
        """Refuse a second answer to one request."""
        if self._complete:
            raise unreadable("is followed by another")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header, joining repeated ones; trailers are ignored."""
        self._head += len(name) + len(value)
        self._lines += 1
        if self._head > MAX_HEAD:
            raise unreadable("has too long a head")
        if self._lines > MAX_HEADERS:
            raise unreadable("has too many headers")
        if self._head_complete:
            return
        name = name.lower()
        headers = self._headers
        headers[name] = value if name not in headers else headers[name] + b", " + value

    def on_headers_complete(self) -> None:
        """Refuse an answer that is framed ambiguously, or announces too long a body."""
        self._head_complete = True
        headers = self._headers
        coding = headers.get(b"transfer-encoding")
        if coding is not None and (
            coding.lower() != b"chunked" or self._parser.get_http_version() != "1.1"
        ):
            raise unreadable("is in a transfer coding not asked for")
        self._status = self._parser.get_status_code()
        if self._status < 100:
            raise unreadable("is not valid HTTP")
        if self._bodiless and self._status >= 200:
            # The parser doesn't know the request's method and would wait for a body.
            self._complete = self._dirty = True
        elif int(headers.get(b"content-length", b"0")) > self._most:
            raise too_large_failure(self._most)

    def on_body(self, data: bytes) -> None:
        """Store a piece of the body, up to the limit."""
        self._size += len(data)
        if self._complete or self._size > self._most:
            raise too_large_failure(self._most)
        if not self._content:
            self._content = data
            return
        if not isinstance(self._content, bytearray):  # most bodies come in one piece
            self._content = bytearray(self._content)
        self._content += data

    def on_message_complete(self) -> None:
        """Note the end of the answer, unless it is an informational one (RFC 9110 §15.2)."""
        if self._status == 101:
            raise unreadable("changes to a protocol not asked for")
        if self._status < 200:
            self._begin()
            return
        self._complete = True
        self._keep = self._parser.should_keep_alive()

    def _begin(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._head = self._lines = 0
        self._head_complete = self._keep = False

    def _finish(self) -> None:
        """Set the answer, and release the connection for reuse if that is safe."""
        answer = self._settle()
        if not answer.done():
            answer.set_result(Answer(self._status, self._headers, bytes(self._content)))
        transport = self._transport
        if (
            self._keep
            and self._reusable
            and not self._dirty
            and not transport.is_closing()
            and not transport.get_write_buffer_size()
        ):
            self.reused = True
            if (said := self._headers.get(b"keep-alive")) is not None:
                found = _KEPT.search(said)
                self.kept = None if found is None else int(found[1])
            self._release(self)
        else:
            transport.abort()

    def _fail(self, problem: Exception) -> None:
        if self._answer is not None:
            answer = self._settle()
            if not answer.done():
                answer.set_exception(problem)
        self._transport.abort()

    def _expire(self) -> None:
        self._fail(TimeoutError())

    def _settle(self) -> "asyncio.Future[Answer]":
        answer, timer = self._answer, self._timer
        assert answer is not None  # noqa: S101 - only a sent request is settled
        assert timer is not None  # noqa: S101 - both are set together
        timer.cancel()
        self._answer = self._timer = None
        return answer
