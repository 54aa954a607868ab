"""An API on a loopback socket that answers with a test's bytes."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it came, and the connection it came on."""

    connection: int
    """Counted from 1."""
    number: int
    """On this connection, counted from 1."""
    head: bytes
    body: bytes
    writer: asyncio.StreamWriter

    async def say(self, *pieces: bytes) -> None:
        """Send bytes, one piece at a time."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    def close(self) -> None:
        """Close the connection."""
        self.writer.close()

    def reset(self) -> None:
        """Break the connection off."""
        self.writer.transport.abort()

    async def never(self) -> None:
        """Say nothing more; the connection stays open."""
        await asyncio.Event().wait()


Script = Callable[[Call], Awaitable[None]]


async def _usual(call: Call) -> None:
    await call.say(OK)


@dataclass
class RawApi:
    """A request, and a way to answer it."""

    port: int = 0
    script: Script = _usual
    calls: list[Call] = field(default_factory=list)
    connections: int = 0
    closed: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    """Numbers of the connections that the client has closed."""
    scheme: str = "http"

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def answer(self, *pieces: bytes, then_close: bool = False) -> None:
        """Answer every request with these bytes."""

        async def script(call: Call) -> None:
            await call.say(*pieces)
            if then_close:
                call.close()

        self.script = script

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side closes it."""
        self.connections += 1
        connection, number = self.connections, 0
        try:
            while True:
                number += 1
                head = await reader.readuntil(b"\r\n\r\n")
                length = 0
                for line in head.split(b"\r\n"):
                    name, _, value = line.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                call = Call(connection, number, head, b"", writer)
                if length < 1 << 20:
                    call = Call(connection, number, head, await reader.readexactly(length), writer)
                self.calls.append(call)
                await self.script(call)
                if writer.is_closing():
                    return
        except (asyncio.IncompleteReadError, OSError):
            self.closed.put_nowait(connection)
        finally:
            writer.close()


@asynccontextmanager
async def running_raw_api(
    tls: ssl.SSLContext | None = None, *, port: int = 0
) -> AsyncIterator[RawApi]:
    """Serve on a loopback port, a free one unless one is given."""
    api = RawApi(scheme="http" if tls is None else "https")
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(api.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", port, ssl=tls)
    api.port = server.sockets[0].getsockname()[1]
    try:
        yield api
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
