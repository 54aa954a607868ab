"""One connection to an origin: a request out, its whole answer in, never two at once.

HTTP/1.1 (RFC 9112), read by llhttp at its strictest: a bare line feed, a folded line, two lengths, or
a length beside a transfer coding end the connection, since somebody else could read them another way.
"""

import asyncio
import re
from collections.abc import Callable
from typing import NamedTuple, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from mcp_gateway.http_client.failures import too_large as too_large_failure
from mcp_gateway.http_client.failures import unreachable, unreadable
from mcp_gateway.http_client.port import RequestFailed

MAX_HEAD = 64 << 10
"""Bytes of status line and headers, informational answers included."""
MAX_HEADERS = 128
_KEPT = re.compile(rb"timeout *= *([0-9]{1,9})", re.IGNORECASE)  # RFC 2068 §19.7.1.1


class Answer(NamedTuple):
    """A whole answer: header names in lower case, the body as it came."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Unanswered(Exception):
    """The connection ended before a byte of the answer; `sent` is false where nothing was sent."""

    def __init__(self, *, sent: bool) -> None:
        """Say whether the API may have seen the request."""
        super().__init__("no answer")
        self.sent = sent


class Connection(asyncio.Protocol):
    """Asks, and tells whose it is when it is free again or gone."""

    _transport: asyncio.Transport

    def __init__(
        self,
        most: int,
        *,
        release: Callable[["Connection"], None],
        lost: Callable[["Connection"], None],
    ) -> None:
        """Take the most bytes of a body, and whom to tell."""
        self._most = most
        self._release = release
        self._lost = lost
        self._made = False
        self._answer: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._status = 0
        self._parser = HttpResponseParser(self)
        self.reused = False
        """Whether it brought an answer before, so that the API may be about to close it."""
        self.kept: int | None = None
        """Seconds that the API keeps it while it is idle, where it says so."""

    @property
    def closing(self) -> bool:
        """Whether nothing more can be asked here."""
        return self._transport.is_closing()

    def ask(self, request: bytes, *, until: float, bodiless: bool) -> "asyncio.Future[Answer]":
        """Send a request.

        Args:
            request: all its bytes.
            until: the loop's time at which to give up with `TimeoutError`.
            bodiless: whether the answer has a length and no body, as that to HEAD.

        Returns:
            The answer to come; or `Unanswered`, `TimeoutError`, `RequestFailed`.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        if self._transport.is_closing():
            answer.set_exception(Unanswered(sent=False))
            return answer
        self._answer = answer
        self._bodiless = bodiless
        self._received = self._size = 0
        self._complete = self._dirty = False
        self._content: list[bytes] = []
        self._begin()
        # uvloop's `call_at` costs three times as much.
        self._timer = loop.call_later(until - loop.time(), self._expire)
        self._transport.write(request)
        return answer

    def give_up(self, answer: "asyncio.Future[Answer]") -> None:
        """Close, because nobody waits for this answer any more; nothing where it has come."""
        if self._answer is answer:
            self._settle()
            self._transport.abort()
        elif not answer.cancelled():
            answer.exception()  # or asyncio would complain that nobody looked at it

    def close(self) -> None:
        """Close, whatever it is doing; who still waits for it to open ends that."""
        if self._made:
            self._fail(unreachable())

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)
        self._made = True

    def data_received(self, data: bytes) -> None:
        """Read on; what comes unasked ends the connection."""
        if self._answer is None:
            self._transport.abort()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
            if not self._head_complete and self._received > MAX_HEAD:
                raise unreadable("has too long a head")
            # Framing may be twice the body, but chunk extensions and trailers end somewhere.
            if not self._complete and self._received > 2 * self._most + MAX_HEAD:
                raise too_large_failure(self._most)
        except RequestFailed as failure:
            self._fail(failure)
            return
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self._complete:
                # What a callback raised comes as the context of the parser's own error.
                ours = error.__context__
                not_http = unreadable("is no valid HTTP")
                self._fail(ours if isinstance(ours, RequestFailed) else not_http)
                return
            self._dirty = True
        if self._complete:
            self._finish()

    def connection_lost(self, error: Exception | None) -> None:
        """Take a clean end for the end of a body that has no other."""
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

    # What the parser tells.

    def on_message_begin(self) -> None:
        """Stop at an answer behind the answer."""
        if self._complete:
            raise unreadable("is followed by another")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep one header, several of a name in one value; those behind the body count for nothing."""
        self._head += len(name) + len(value)
        if self._head > MAX_HEAD:
            raise unreadable("has too long a head")
        if self._head_complete:
            return
        name = name.lower()
        headers = self._headers
        headers[name] = value if name not in headers else headers[name] + b", " + value
        if len(headers) > MAX_HEADERS:
            raise unreadable("has too many headers")

    def on_headers_complete(self) -> None:
        """Refuse what can't be framed with certainty, or is known to be too much."""
        self._head_complete = True
        headers = self._headers
        coding = headers.get(b"transfer-encoding")
        if coding is not None and (
            coding.lower() != b"chunked" or self._parser.get_http_version() != "1.1"
        ):
            raise unreadable("is in a transfer coding not asked for")
        self._status = self._parser.get_status_code()
        if self._status < 100:
            raise unreadable("is no valid HTTP")
        if self._bodiless and self._status >= 200:
            # The parser doesn't know what was asked and would wait for a body.
            self._complete = self._dirty = True
        elif int(headers.get(b"content-length", b"0")) > self._most:
            raise too_large_failure(self._most)

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body, up to the limit."""
        self._size += len(data)
        if self._complete or self._size > self._most:
            raise too_large_failure(self._most)
        self._content.append(data)

    def on_message_complete(self) -> None:
        """Note the end; an informational answer (RFC 9110 §15.2) is not the one."""
        if self._status == 101:
            raise unreadable("changes to a protocol not asked for")
        if self._status < 200:
            self._begin()
            return
        self._complete = True
        self._keep = self._parser.should_keep_alive()

    def _begin(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._head = 0
        self._head_complete = self._keep = False

    def _finish(self) -> None:
        """Hand the answer over, and be free for the next where nothing speaks against it."""
        answer = self._settle()
        if not answer.done():
            content = self._content
            body = content[0] if len(content) == 1 else b"".join(content)
            answer.set_result(Answer(self._status, self._headers, body))
        transport = self._transport
        if (
            self._keep
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
        assert answer is not None  # noqa: S101 - only what was asked is settled
        assert timer is not None  # noqa: S101 - both come together
        timer.cancel()
        self._answer = self._timer = None
        return answer
