"""How a service stops, on real sockets; a test gives the signals to the server itself."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from socket import create_connection, create_server
from typing import Any

import uvicorn

from gatepost.network.http11 import Http11
from gatepost.network.serve import DrainingServer, StopTimes
from gatepost.network.stopping import Stopping
from support.processes.services import POLL_SECONDS

HELLO = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
WAIT = b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"
LONG = 600.0


@dataclass
class App:
    """Answers at once; `/wait` waits to be told."""

    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request, or the life of the process."""
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self.closed = True
            await send({"type": "lifespan.shutdown.complete"})
            return
        if scope["path"] == "/wait":
            self.asked.set()
            await self.go_on.wait()
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


@dataclass
class Served:
    """A running server, and what its parts heard."""

    app: App
    server: DrainingServer
    stopping: Stopping
    port: int
    ended: asyncio.Task[None]
    heard: list[str] = field(default_factory=list)
    clients: list["Client"] = field(default_factory=list)

    def signal(self) -> None:
        """Tell it to stop."""
        self.server.handle_exit(signal.SIGTERM, None)

    async def connect(self) -> "Client":
        """Open a connection."""
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        return client

    async def until_refused(self) -> None:
        """Connect until the port is closed."""
        while True:
            try:
                await self.connect()
            except ConnectionRefusedError:
                return
            await asyncio.sleep(POLL_SECONDS)


@dataclass
class Client:
    """A connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, request: bytes = HELLO) -> str:
        """Send a request, and return the answer."""
        self.writer.write(request)
        return await self.answer()

    async def answer(self) -> str:
        """Return the next answer."""
        return (await self.reader.readuntil(b"\r\n\r\nok")).decode()

    async def closed(self) -> bool:
        """Return whether the server closes the connection now, with nothing left to read."""
        return await self.reader.read() == b""


@asynccontextmanager
async def serving(*, lame_duck: float = 0, finish: float = LONG) -> AsyncIterator[Served]:
    app, stopping = App(), Stopping()
    config = uvicorn.Config(app, http=Http11, ws="none", log_config=None, access_log=False)
    server = DrainingServer(config, stopping, StopTimes(lame_duck, finish))
    bound = create_server(("127.0.0.1", 0))
    # Without `capture_signals`, since pytest's own handler of Ctrl-C stays.
    task = asyncio.create_task(server._serve([bound]))
    served = Served(app, server, stopping, bound.getsockname()[1], task)
    stopping.when_waits_end(lambda: served.heard.append("end waits"))
    stopping.when_cut_off(lambda: served.heard.append("cut off"))
    try:
        for _ in range(600):
            if server.started:
                break
            await asyncio.sleep(POLL_SECONDS)
        yield served
    finally:
        for _ in range(3):
            served.signal()
        app.go_on.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(task, 10)
        for client in served.clients:
            client.writer.close()


async def test_a_lame_duck_serves_everything_and_closes_kept_connections() -> None:
    async with serving(lame_duck=LONG) as served:
        kept = await served.connect()
        assert "connection: close" not in await kept.ask()

        served.signal()

        assert served.stopping.draining
        for _ in range(600):
            if "connection: close" in await (await served.connect()).ask():
                break
            await asyncio.sleep(POLL_SECONDS)
        assert "connection: close" in await kept.ask()
        assert await kept.closed()
        assert served.heard == []
        assert not served.ended.done()


async def test_running_requests_finish_after_the_listener_has_closed() -> None:
    async with serving() as served:
        client = await served.connect()
        client.writer.write(WAIT)
        await served.app.asked.wait()

        served.signal()
        await served.until_refused()
        assert served.heard == ["end waits"]
        assert not served.ended.done()
        served.app.go_on.set()

        assert "connection: close" in await client.answer()
        await served.ended
        assert served.app.closed
        assert served.heard == ["end waits"]


async def test_a_request_that_does_not_finish_is_cut_off_and_the_process_ends_in_order() -> None:
    async with serving(finish=0) as served:
        client = await served.connect()
        client.writer.write(WAIT)
        await served.app.asked.wait()

        served.signal()
        await served.ended

        assert served.heard == ["end waits", "cut off"]
        assert served.app.closed
        assert not served.app.go_on.is_set()


async def test_a_second_signal_ends_the_lame_duck_and_the_patience_for_requests() -> None:
    async with serving(lame_duck=LONG) as served:
        client = await served.connect()
        client.writer.write(WAIT)
        await served.app.asked.wait()

        served.signal()
        served.signal()
        await served.ended

        assert served.heard == ["end waits", "cut off"]
        assert served.app.closed


async def test_a_second_signal_while_requests_finish_cuts_them_off() -> None:
    async with serving() as served:
        client = await served.connect()
        client.writer.write(WAIT)
        await served.app.asked.wait()
        served.signal()
        await served.until_refused()

        served.signal()
        await served.ended

        assert served.heard == ["end waits", "cut off"]
        assert served.app.closed


async def test_a_request_on_a_connection_that_the_kernel_has_accepted_is_answered() -> None:
    """Such a connection is in the listener's queue, and would be reset with it."""
    config = uvicorn.Config(App(), http=Http11, ws="none", lifespan="off", log_config=None)
    config.load()
    server = DrainingServer(config, Stopping(), StopTimes(lame_duck=LONG, finish=LONG))
    server.lifespan = config.lifespan_class(config)
    bound = create_server(("127.0.0.1", 0))
    await server.startup([bound])
    # Nothing of the loop runs before the shutdown begins.
    client = create_connection(bound.getsockname())
    client.sendall(HELLO)

    await server.shutdown([bound])

    with client:
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
