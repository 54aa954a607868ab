"""Requests that arrive slowly, or not at all, at the HTTP server of both services."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from socket import create_server
from typing import Any

import pytest
import uvicorn

from gatepost.network.http11 import Http11
from mcp_gateway.one_write import OneWrite

HEAD = b"POST / HTTP/1.1\r\nhost: example.com\r\ncontent-length: 1000\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nhost: example.com\r\n\r\n"
BOTH = pytest.mark.parametrize("protocol", [Http11, OneWrite])
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class App:
    """Reads whole bodies, and answers some requests before."""

    def __init__(self, answered: str = "") -> None:
        """Take the path of those."""
        self.answered = answered
        self.bodies: list[int | None] = []
        """The length of each body; None for one that did not arrive."""
        self.ended = asyncio.Event()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["method"] == "GET" or self.answered:
            await self.answer(send)
        length, more = 0, scope["method"] == "POST"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.bodies.append(None)
                self.ended.set()
                return
            length += len(message["body"])
            more = message["more_body"]
        if scope["method"] == "POST" and not self.answered:
            self.bodies.append(length)
            await self.answer(send)

    async def answer(self, send: Send) -> None:
        """Answer in two letters."""
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def serving(
    app: App, protocol: type[Http11], *, arrival: float = 0.05, idle: float = 600
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Serve with less patience, and connect."""
    hurried = type("Hurried", (protocol,), {"arrival_seconds": arrival})
    config = uvicorn.Config(
        app,
        http=hurried,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=idle,  # type: ignore[arg-type] # a part of a second
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    bound = create_server(("127.0.0.1", 0))
    await server.startup([bound])
    reader, writer = await asyncio.open_connection(*bound.getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.force_exit = True
        await server.shutdown([bound])


async def trickle(writer: asyncio.StreamWriter) -> None:
    """Send a byte after the other until the connection ends."""
    while not writer.is_closing():
        writer.write(b"x")
        await asyncio.sleep(0.001)


@BOTH
@pytest.mark.parametrize("begun", [HEAD, HEAD + b"x" * 999, HEAD[:20]])
async def test_a_request_that_does_not_arrive_is_answered_and_closed_a401(
    protocol: type[Http11], begun: bytes
) -> None:
    """A401: without its body, its last byte, or the rest of its head."""
    app = App()
    async with serving(app, protocol) as (reader, writer):
        writer.write(begun)
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert answer.endswith(b"\r\nconnection: close\r\n\r\nThe request did not arrive in time.")
        if len(begun) >= len(HEAD):
            await app.ended.wait()
            assert app.bodies == [None]


@BOTH
@pytest.mark.parametrize("answered", ["", "/"])
async def test_a_sender_that_trickles_holds_no_connection_a401(
    protocol: type[Http11], answered: str
) -> None:
    """A401: a byte now and then, of a body that is read, or of one that was refused."""
    async with serving(App(answered), protocol) as (reader, writer):
        writer.write(HEAD)
        if answered:
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        trickling = asyncio.create_task(trickle(writer))
        with suppress(ConnectionResetError):  # what it sent was not read to the end
            await reader.read()
        trickling.cancel()


@BOTH
async def test_a_connection_on_which_nothing_arrives_is_closed_a401(
    protocol: type[Http11],
) -> None:
    """A401: before its first request as after one."""
    async with serving(App(), protocol, idle=0.05) as (reader, _):
        assert await reader.read() == b""


@BOTH
async def test_requests_that_arrive_in_time_are_answered_however_many(
    protocol: type[Http11],
) -> None:
    app = App()
    async with serving(app, protocol, arrival=30) as (reader, writer):
        for _ in range(3):
            writer.write(HEAD + b"x" * 10)
            await writer.drain()
            writer.write(b"x" * 990 + GET[:10])
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
            writer.write(GET[10:])
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    assert app.bodies == [1000] * 3
