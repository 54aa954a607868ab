"""One connection to Redis that every call shares.

The commands of one turn of the event loop are sent in one write, and answers wake their waiters without
a task in between: redis-py's own client would cost a call more than all of its JSON. That library
still connects, with TLS and authentication; then this module takes over the transport.
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog

from gatepost.network.redis import CONNECT_SECONDS, open_redis

Argument = bytes | str | int

DEADLINE = 0.25
"""Seconds that an answer may take before the connection is closed."""
_GRACE = 0.02
_MOST_PENDING = 20_000
_PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0)

log = structlog.get_logger()


class RedisUnavailable(Exception):
    """Redis did not give a usable answer; the message is for the log."""


class ErrorReply(RedisUnavailable):
    """Redis answered with an error; the message begins with its code."""


class Incomplete(Exception):
    """The reply is not complete yet."""


class RedisConnection:
    """Connects, and reconnects whenever the connection is lost or hangs."""

    def __init__(
        self,
        url: str,
        *,
        deadline: float = DEADLINE,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take the URL; `connected` opens the connection.

        Raises:
            ValueError: the URL is not that of a Redis server.
            RuntimeError: the transport of a connection is not where redis-py 8 keeps it.
        """
        # Reading has no timeout, since an idle connection may be silent for hours.
        self._pool = open_redis(url, timeout=None).connection_pool
        if not hasattr(self._pool.make_connection(), "_writer"):
            raise RuntimeError(
                "This release of redis-py does not keep a connection's transport in `_writer`, "
                "which the gateway takes over. Install redis 8."
            )
        self._deadline = deadline
        self._sleep = sleep
        self._link: _Link | None = None

    @property
    def is_up(self) -> bool:
        """Tell whether there is a connection at the moment."""
        return self._link is not None and not self._link.lost.done()

    def ask(self, *command: Argument) -> asyncio.Future[Any]:
        """Send a command with the others of this turn, and return a future of Redis's reply.

        The future may raise `ErrorReply`, or `RedisUnavailable` if the answer was lost or late: the
        command may or may not have run then.

        Raises:
            RedisUnavailable: there is no connection, so nothing was sent.
        """
        return self.ask_written(write_command(command))

    def ask_written(self, command: bytes) -> asyncio.Future[Any]:
        """Send a command that `write_command` wrote before, as `ask` does."""
        if self._link is None:
            raise RedisUnavailable("not connected")
        return self._link.ask(command)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Stay connected while the block lasts; entering it waits for one attempt."""
        tried = asyncio.Event()
        task = asyncio.create_task(self._stay_connected(tried))
        try:
            await tried.wait()
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _stay_connected(self, tried: asyncio.Event) -> None:
        failures = 0
        while True:
            try:
                async with self._connection() as link:
                    self._link = link
                    if failures:
                        log.info("redis_available")
                    failures = 0
                    tried.set()
                    await asyncio.wait({link.lost})
                    reason = link.lost.result()
            except Exception as error:  # noqa: BLE001 - Redis may come back after any error
                reason = f"{type(error).__name__}: {error}"
            finally:
                self._link = None
                tried.set()
            if failures == 0:
                log.warning("redis_unavailable", reason=reason[:300])
            pause = _PAUSES[min(failures, len(_PAUSES) - 1)]
            failures += 1
            # Random, so that the gateways of a large deployment do not reconnect all at once.
            await self._sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - not a secret

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator["_Link"]:
        connection = self._pool.make_connection()
        try:
            async with asyncio.timeout(2 * CONNECT_SECONDS):
                await connection.connect()
            transport = connection._writer.transport  # not a public attribute of redis-py
            link = _Link(transport, self._deadline)
            transport.set_protocol(link)
            try:
                yield link
            finally:
                link.close("closed")
        finally:
            await connection.disconnect(nowait=True)


class _Link(asyncio.Protocol):
    """One open connection. Answers arrive in the order of the commands."""

    def __init__(self, transport: asyncio.WriteTransport, deadline: float) -> None:
        self._transport = transport
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._out: list[bytes] = []
        self._pending: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._read = b""
        self._watch: asyncio.TimerHandle | None = None
        self._late = False
        self.lost: asyncio.Future[str] = self._loop.create_future()

    def ask(self, command: bytes) -> asyncio.Future[Any]:
        if self.lost.done():
            raise RedisUnavailable("the connection was lost")
        if len(self._pending) >= _MOST_PENDING:
            raise RedisUnavailable("too many commands wait for an answer")
        answer: asyncio.Future[Any] = self._loop.create_future()
        if not self._out:
            self._loop.call_soon(self._write)
        self._out.append(command)
        self._pending.append((answer, self._loop.time()))
        if self._watch is None:
            self._watch = self._loop.call_later(self._deadline, self._look)
        return answer

    def _write(self) -> None:
        out, self._out = self._out, []
        if not self.lost.done():
            self._transport.write(b"".join(out))

    def data_received(self, data: bytes) -> None:
        read, place = self._read + data, 0
        self._late = False
        try:
            while place < len(read):
                reply, place = read_reply(read, place)
                answer, _ = self._pending.popleft()
                if answer.done():
                    continue  # the waiter was cancelled
                if isinstance(reply, ErrorReply):
                    answer.set_exception(reply)
                else:
                    answer.set_result(reply)
        except Incomplete:
            pass
        except (ValueError, IndexError):
            self.close("the answer is not a Redis reply")
            return
        self._read = read[place:]

    def connection_lost(self, error: Exception | None) -> None:
        self.close(f"the connection was lost ({error})")

    def _look(self) -> None:
        """Close the connection if the oldest command is overdue."""
        self._watch = None
        if not self._pending or self.lost.done():
            return
        left = self._pending[0][1] + self._deadline - self._loop.time()
        if left > 0:
            self._late = False
        elif self._late:
            self.close(f"no answer within {self._deadline:g} seconds")
            return
        else:
            # The answer may have arrived while this process was too busy to read it.
            self._late = True
        self._watch = self._loop.call_later(max(left, _GRACE), self._look)

    def close(self, reason: str) -> None:
        if self.lost.done():
            return
        self.lost.set_result(reason)
        if self._watch is not None:
            self._watch.cancel()
        self._transport.abort()
        for answer, _ in self._pending:
            if not answer.done():
                answer.set_exception(RedisUnavailable(reason))
                answer.exception()  # marks the exception as retrieved, since the waiter may be gone
        self._pending.clear()


def write_command(command: tuple[Argument, ...]) -> bytes:
    """Write a command as an array of bulk strings (RESP2)."""
    return b"*%d\r\n" % len(command) + b"".join(map(write_argument, command))


def write_argument(argument: Argument) -> bytes:
    """Write one argument of a command as a bulk string."""
    data = argument if isinstance(argument, bytes) else str(argument).encode()
    return b"$%d\r\n%b\r\n" % (len(data), data)


def read_reply(data: bytes, place: int) -> tuple[Any, int]:
    """Read one RESP2 reply at a position: bytes, an int, a list, None, or an `ErrorReply`.

    Returns:
        The reply, and the position after it.

    Raises:
        Incomplete: the rest has not arrived yet.
        ValueError: the data is not a reply.
    """
    end = data.find(b"\r\n", place)
    if end < 0:
        raise Incomplete
    kind, line, after = data[place : place + 1], data[place + 1 : end], end + 2
    if kind == b"+":
        return line, after
    if kind == b"-":
        return ErrorReply(line.decode(errors="replace")[:300]), after
    if kind not in (b":", b"$", b"*"):
        raise ValueError("not a reply")
    number = int(line)
    if kind == b":":
        return number, after
    if number < 0:
        return None, after
    if kind == b"$":
        if len(data) < after + number + 2:
            raise Incomplete
        return data[after : after + number], after + number + 2
    items = []
    for _ in range(number):
        item, after = read_reply(data, after)
        items.append(item)
    return items, after
