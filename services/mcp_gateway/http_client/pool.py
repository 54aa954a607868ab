"""The connections of one partition to one origin: reused, closed when idle, limited in number."""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable

from mcp_gateway.http_client.connection import Connection


class Pool:
    """Hands out connections, the most recently used first, and closes idle ones."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None,
        most_connections: int,
        most_content: int,
        idle: float,
        reusable: bool,
        emptied: Callable[[], None],
    ) -> None:
        """Take the address and the limits.

        Args:
            host: the host.
            port: the port.
            tls: for https, else None.
            most_connections: how many connections may be open.
            most_content: the most bytes of a body.
            idle: seconds for which an idle connection is kept.
            reusable: whether a connection may carry several requests.
            emptied: called when the last connection was closed.
        """
        self._host = host
        self._port = port
        self._tls = tls
        self._most_connections = most_connections
        self._most_content = most_content
        self._keep = idle
        self._reusable = reusable
        self._emptied = emptied
        self._open: set[Connection] = set()
        self._idle: list[tuple[float, Connection]] = []
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._sweeping: asyncio.TimerHandle | None = None

    def take(self) -> Connection | None:
        """Return an idle connection, or None."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            until, connection = self._idle.pop()
            if until > now and connection.usable:
                return connection
            connection.close()
        return None

    async def connect(self) -> Connection:
        """Open a connection, or wait for one if the limit is reached.

        Raises:
            OSError: the connection fails, or the certificate is not the host's.
        """
        while len(self._open) >= self._most_connections:
            given = await self._wait()
            if given is not None:
                if given.usable:
                    return given
                given.close()
        connection = Connection(
            self._most_content,
            reusable=self._reusable,
            release=self._release,
            lost=self._forget,
        )
        self._open.add(connection)
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: connection, self._host, self._port, ssl=self._tls
            )
        except BaseException:
            self._forget(connection)
            raise
        return connection

    def close(self) -> None:
        """Close every connection."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for connection in list(self._open):
            connection.close()

    async def _wait(self) -> Connection | None:
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                given = waiter.result()
                self._wake() if given is None else self._release(given)
            raise

    def _release(self, connection: Connection) -> None:
        if self._give(connection):
            return
        loop = asyncio.get_running_loop()
        keep = self._keep
        if connection.kept is not None:
            # A second less than the API keeps it, or the API might close it during a request.
            keep = min(keep, connection.kept - 1)
        self._idle.append((loop.time() + keep, connection))
        if self._sweeping is None:
            self._sweeping = loop.call_later(self._keep, self._sweep)

    def _forget(self, connection: Connection) -> None:
        if connection in self._open:
            self._open.remove(connection)
            self._wake()
            if not self._open and not self._waiting:
                self._emptied()

    def _wake(self) -> None:
        """Let one waiter open a connection."""
        self._give(None)

    def _give(self, connection: Connection | None) -> bool:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False

    def _sweep(self) -> None:
        """Close connections that were idle too long, before the API closes them during a request."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        old = [connection for until, connection in self._idle if until <= now]
        self._idle = [entry for entry in self._idle if entry[0] > now]
        for connection in old:
            connection.close()
        self._sweeping = loop.call_later(self._keep, self._sweep) if self._idle else None
