"""Answers as they reach a client's socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import pytest
import uvicorn

from mcp_gateway.front.asgi import Receive, Scope, Send
from mcp_gateway.one_write import OneWrite
from support.processes.services import free_port

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]
HELLO = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class App:
    """Says `one`, waits to be told, says `two`."""

    def __init__(self) -> None:
        """Go on at once, unless a test holds it."""
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.calls = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self.calls += 1
        headers = [(b"content-length", b"6")]
        if scope["path"] == "/last":
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await self.go_on.wait()
        await send({"type": "http.response.body", "body": b"two"})


class Writes:
    """A transport that counts how often it is written to."""

    count = 0

    def __init__(self, transport: asyncio.Transport) -> None:
        """Take the real one."""
        self._transport = transport

    def write(self, data: bytes) -> None:
        """Count, and write."""
        Writes.count += 1
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        """Do the rest as it does."""
        return getattr(self._transport, name)


class CountedWrites(OneWrite):
    """Counts what reaches the socket."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the counter between."""
        super().connection_made(cast(asyncio.Transport, Writes(transport)))


@asynccontextmanager
async def connected(app: App, http: type[OneWrite] = OneWrite) -> AsyncIterator[Pair]:
    """Serve the app, and connect to it."""
    port = free_port()
    config = uvicorn.Config(app, port=port, http=http, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    server.config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield reader, writer
        finally:
            writer.close()
    finally:
        await server.shutdown()


async def test_answers_on_one_connection_come_whole_and_in_order() -> None:
    async with connected(App()) as (reader, writer):
        for _ in range(3):
            writer.write(HELLO)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(6) == b"onetwo"


async def test_the_last_answer_of_a_connection_is_whole() -> None:
    async with connected(App()) as (reader, writer):
        writer.write(HELLO.replace(b"/ ", b"/last "))
        assert (await reader.read()).endswith(b"\r\n\r\nonetwo")


async def test_early_messages_arrive_before_the_rest_is_known() -> None:
    app = App()
    app.go_on.clear()
    async with connected(app) as (reader, writer):
        writer.write(HELLO)
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(3) == b"one"
        app.go_on.set()
        assert await reader.readexactly(3) == b"two"


async def test_a_disconnected_client_does_not_cause_an_error() -> None:
    app = App()
    app.go_on.clear()
    async with connected(app) as (reader, writer):
        writer.write(HELLO)
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()
        app.go_on.set()


async def test_an_answer_is_one_write() -> None:
    Writes.count = 0
    async with connected(App(), CountedWrites) as (reader, writer):
        writer.write(HELLO)
        await reader.readuntil(b"onetwo")
    assert Writes.count == 1, "uvicorn's HttpToolsProtocol does not write through `transport` now"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000,
        b"GET / HTTP/1.1\r\na: " + b"x" * 400_000,
        b"GET /" + b"x" * 400_000,
        HELLO * 1000,
    ],
    ids=["many headers", "a long header", "a long URL", "many requests"],
)
async def test_a_client_that_sends_too_much_at_once_is_cut_off(sent: bytes) -> None:
    app = App()
    app.go_on.clear()
    async with connected(app) as (reader, writer):
        writer.write(sent)
        # The connection may be reset while the client still sends.
        with suppress(ConnectionError):
            async with asyncio.timeout(20):
                answer = await reader.read()
                assert b"HTTP/1.1 400 Bad Request" in answer
        app.go_on.set()
    assert app.calls <= 1


async def test_requests_with_long_heads_and_several_at_once_are_answered() -> None:
    long = b"GET / HTTP/1.1\r\nHost: x\r\na: " + b"x" * 60_000 + b"\r\n\r\n"
    async with connected(App()) as (reader, writer):
        for sent in (long, HELLO * 10, long):
            writer.write(sent)
            for _ in range(sent.count(b"Host")):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200")
                assert await reader.readexactly(6) == b"onetwo"
