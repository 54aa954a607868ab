"""Record the commands that belong to a recorded call."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

from gatepost.tracing import names
from gatepost.tracing.current import CURRENT, current
from mcp_gateway.redis.connection import RedisConnection
from mcp_gateway.redis.resp import Argument


class TracedConnection:
    """A connection whose commands are part of the call's trace, by their names alone."""

    def __init__(self, connection: RedisConnection) -> None:
        """Take the connection that sends the commands."""
        self._connection = connection

    @property
    def is_up(self) -> bool:
        """Tell whether every key can be asked for at the moment."""
        return self._connection.is_up

    @property
    def losses(self) -> int:
        """Tell how often the connection to a server was lost."""
        return self._connection.losses

    def ask(self, *command: Argument) -> asyncio.Future[Any]:
        """Send a command."""
        answer = self._connection.ask(*command)
        return answer if CURRENT.get() is None else _follow(answer, str(command[0]))

    def ask_written(self, command: bytes, key: str) -> asyncio.Future[Any]:
        """Send a command that `write_command` wrote before."""
        answer = self._connection.ask_written(command, key)
        if CURRENT.get() is None:
            return answer
        # `*3\r\n$7\r\nEVALSHA\r\n…`
        return _follow(answer, command.split(b"\r\n", 3)[2].decode())

    def connected(self) -> AbstractAsyncContextManager[None]:
        """Stay connected while the block lasts."""
        return self._connection.connected()


def _follow(answer: asyncio.Future[Any], name: str) -> asyncio.Future[Any]:
    tracing = current()
    if tracing is None:
        return answer
    return tracing.follow(answer, name, {names.DB_SYSTEM: "redis", names.DB_OPERATION: name})
