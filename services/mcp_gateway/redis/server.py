"""The connection to one server: a Redis by itself, the master that Sentinels name, or one of a cluster."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog

from gatepost.network.redis import CONNECT_SECONDS
from mcp_gateway.redis.connection import DEADLINE, PAUSES
from mcp_gateway.redis.link import Answer, Link, Redirect
from mcp_gateway.redis.resp import Argument, RedisUnavailable, write_command

MakeConnection = Callable[[], Any]
"""Makes a connection of redis-py that is not open yet."""

log = structlog.get_logger()


def _nothing() -> None:
    """Do nothing."""


class ServerConnection:
    """Connects, and reconnects whenever the connection is lost or hangs."""

    def __init__(
        self,
        make: MakeConnection,
        *,
        name: str,
        deadline: float = DEADLINE,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        redirect: Redirect | None = None,
        lost: Callable[[], None] = _nothing,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Take what opens a connection; `connected` does so.

        Args:
            make: makes a connection. Each is asked anew who the master is.
            name: of the server, for the log.
            deadline: the seconds that an answer may take.
            sleep: waits for that many seconds.
            redirect: as for `Link`.
            lost: is called whenever the connection is lost.
            close: closes what `make` keeps open.

        Raises:
            RuntimeError: the transport of a connection is not where redis-py 8 keeps it.
        """
        if not hasattr(make(), "_writer"):
            raise RuntimeError(
                "This release of redis-py does not keep a connection's transport in `_writer`, "
                "which the gateway takes over. Install redis 8."
            )
        self._make = make
        self._name = name
        self._deadline = deadline
        self._sleep = sleep
        self._redirect = redirect
        self._lost = lost
        self._close = close
        self._link: Link | None = None
        self.losses = 0

    @property
    def is_up(self) -> bool:
        """Tell whether there is a connection at the moment."""
        return self._link is not None and not self._link.lost.done()

    def ask(self, *command: Argument) -> Answer:
        """Send a command."""
        return self.send(write_command(command))

    def ask_written(self, command: bytes, key: str) -> Answer:
        """Send a written command; the server has all keys."""
        return self.send(command)

    def send(self, command: bytes, answer: Answer | None = None) -> Answer:
        """Send a written command, as `Link.ask` does."""
        if self._link is None:
            raise RedisUnavailable("not connected")
        return self._link.ask(command, answer)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Stay connected while the block lasts; entering it waits for one attempt."""
        tried = asyncio.Event()
        task = asyncio.create_task(self.stay_connected(tried))
        try:
            await tried.wait()
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
            if self._close is not None:
                await self._close()

    async def stay_connected(self, tried: asyncio.Event) -> None:
        """Stay connected until cancelled, and tell when the first attempt was made."""
        failures = 0
        while True:
            try:
                async with self._connection() as link:
                    self._link = link
                    if failures:
                        log.info("redis_available", server=self._name)
                    failures = 0
                    tried.set()
                    await asyncio.wait({link.lost})
                    self.losses += 1
                    reason = link.lost.result()
            except Exception as error:  # noqa: BLE001 - Redis may come back after any error
                reason = f"{type(error).__name__}: {error}"
            finally:
                self._link = None
                tried.set()
                self._lost()
            if failures == 0:
                log.warning("redis_unavailable", server=self._name, reason=reason[:300])
            pause = PAUSES[min(failures, len(PAUSES) - 1)]
            failures += 1
            # Random, so that the gateways of a large deployment do not reconnect all at once.
            await self._sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - not a secret

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Link]:
        connection = self._make()
        try:
            async with asyncio.timeout(2 * CONNECT_SECONDS):
                await connection.connect()
            transport = connection._writer.transport  # not a public attribute of redis-py
            link = Link(transport, self._deadline, self._redirect)
            transport.set_protocol(link)
            try:
                yield link
            finally:
                link.close("closed")
        finally:
            await connection.disconnect(nowait=True)
