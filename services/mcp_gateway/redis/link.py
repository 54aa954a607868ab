"""One open connection to one server."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from mcp_gateway.redis.resp import ErrorReply, Incomplete, RedisUnavailable, read_reply

_GRACE = 0.02
_MOST_PENDING = 20_000
_DEMOTED = "READONLY"

Answer = asyncio.Future[Any]
Redirect = Callable[[ErrorReply, Answer, bytes], bool]
"""Sends a command that was refused to the server that has its keys, which then answers the same future.
Returns False if the refusal is the answer."""


class Link(asyncio.Protocol):
    """Sends the commands of one turn of the event loop in one write; answers arrive in their order."""

    def __init__(
        self,
        transport: asyncio.WriteTransport,
        deadline: float,
        redirect: Redirect | None = None,
    ) -> None:
        """Take the open transport, the seconds that an answer may take, and a cluster's redirection."""
        self._transport = transport
        self._deadline = deadline
        self._redirect = redirect
        self._loop = asyncio.get_running_loop()
        self._out: list[bytes] = []
        self._pending: deque[tuple[Answer, float, bytes]] = deque()
        self._read = b""
        self._watch: asyncio.TimerHandle | None = None
        self._late = False
        self.lost: asyncio.Future[str] = self._loop.create_future()

    def ask(self, command: bytes, answer: Answer | None = None) -> Answer:
        """Send a command, whose reply becomes the result of the returned future, or of a given one.

        Raises:
            RedisUnavailable: nothing was sent.
        """
        if self.lost.done():
            raise RedisUnavailable("the connection was lost")
        if len(self._pending) >= _MOST_PENDING:
            raise RedisUnavailable("too many commands wait for an answer")
        redirected = answer is not None
        if answer is None:
            answer = self._loop.create_future()
        if not self._out:
            self._loop.call_soon(self._write)
        self._out.append(command)
        # A command is redirected once.
        self._pending.append((answer, self._loop.time(), b"" if redirected else command))
        if self._watch is None:
            self._watch = self._loop.call_later(self._deadline, self._look)
        return answer

    def _write(self) -> None:
        out, self._out = self._out, []
        if not self.lost.done():
            self._transport.write(b"".join(out))

    def data_received(self, data: bytes) -> None:
        """Read the replies that are complete."""
        read, place = self._read + data, 0
        self._late = demoted = False
        try:
            while place < len(read):
                reply, place = read_reply(read, place)
                answer, _, command = self._pending.popleft()
                if answer.done():
                    continue  # the waiter was cancelled
                if not isinstance(reply, ErrorReply):
                    answer.set_result(reply)
                    continue
                demoted = demoted or str(reply).startswith(_DEMOTED)
                if not (command and self._redirect and self._redirect(reply, answer, command)):
                    answer.set_exception(reply)
        except Incomplete:
            pass
        except (ValueError, IndexError):
            self.close("the answer is not a Redis reply")
            return
        self._read = read[place:]
        if demoted:
            # After a failover, the next connection finds out who the master is now.
            self.close("the server is not the master any more")

    def connection_lost(self, error: Exception | None) -> None:
        """Fail what waits for an answer."""
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
        """Close the connection, and fail what waits for an answer."""
        if self.lost.done():
            return
        self.lost.set_result(reason)
        if self._watch is not None:
            self._watch.cancel()
        self._transport.abort()
        for answer, *_ in self._pending:
            if not answer.done():
                answer.set_exception(RedisUnavailable(reason))
                answer.exception()  # marks the exception as retrieved, since the waiter may be gone
        self._pending.clear()
