"""The connection to Redis that every call shares, whatever the engine.

The commands of one turn of the event loop are sent in one write, and answers wake their waiters without
a task in between: redis-py's own client would cost a call more than all of its JSON. That library
still connects, with TLS and authentication, and finds masters; then `Link` takes over the transport.
"""

from asyncio import Future
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from mcp_gateway.redis.resp import Argument

DEADLINE = 0.25
"""Seconds that an answer may take before the connection is closed."""
PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Seconds before the next attempt to connect."""


class RedisConnection(Protocol):
    """Sends commands to the server that has their keys, and reconnects whenever that is necessary."""

    @property
    def is_up(self) -> bool:
        """Tell whether every key can be asked for at the moment."""

    @property
    def losses(self) -> int:
        """Tell how often the connection to a server was lost."""

    def ask(self, *command: Argument) -> Future[Any]:
        """Send a command that has keys, with the others of this turn, and return a future of the reply.

        The future may raise `ErrorReply`, or `RedisUnavailable` if the answer was lost or late: the
        command may or may not have run then.

        Raises:
            RedisUnavailable: there is no connection, so nothing was sent.
        """

    def ask_written(self, command: bytes, key: str) -> Future[Any]:
        """Send a command that `write_command` wrote to the server that has a key, as `ask` does."""

    def connected(self) -> AbstractAsyncContextManager[None]:
        """Stay connected while the block lasts; entering it waits for one attempt."""
