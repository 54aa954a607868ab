"""The Redis connection that calls share: many commands at once, each with a deadline."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import ConnectionPool

from mcp_gateway.redis.connection import RedisConnection
from mcp_gateway.redis.open import open_connection
from mcp_gateway.redis.resp import (
    ErrorReply,
    Incomplete,
    RedisUnavailable,
    read_reply,
    write_command,
)
from support.processes.redis import RedisServer
from support.processes.services import free_port

replies = st.recursive(
    st.none() | st.integers(-(1 << 63), (1 << 63) - 1) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


def encode(reply: Any) -> bytes:
    """Write a reply as Redis does."""
    match reply:
        case None:
            return b"$-1\r\n"
        case int():
            return b":%d\r\n" % reply
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(reply), reply)
        case _:
            return b"*%d\r\n" % len(reply) + b"".join(encode(item) for item in reply)


@given(replies, st.data())
def test_a_reply_is_read_once_it_is_whole_and_not_before(reply: Any, data: st.DataObject) -> None:
    written = encode(reply)
    cut = data.draw(st.integers(0, len(written) - 1))

    with pytest.raises(Incomplete):
        read_reply(written[:cut], 0)
    assert read_reply(b"..." + written + b"+OK\r\n", 3) == (reply, 3 + len(written))


@given(st.lists(st.binary() | st.text() | st.integers(), min_size=1))
def test_a_command_is_an_array_of_its_arguments(command: list[bytes | str | int]) -> None:
    written = [one if isinstance(one, bytes) else str(one).encode() for one in command]

    assert read_reply(write_command(tuple(command)), 0)[0] == written


@pytest.fixture
async def connection(redis: RedisServer) -> AsyncIterator[RedisConnection]:
    made = open_connection(redis.url)
    async with made.connected():
        yield made


async def until_it_answers(connection: RedisConnection) -> None:
    """Ask until there is an answer."""
    while True:
        try:
            assert await connection.ask("ECHO", "there") == b"there"
        except RedisUnavailable:
            await asyncio.sleep(0)
        else:
            return


async def test_each_of_many_callers_at_once_gets_its_own_answer(
    connection: RedisConnection,
) -> None:
    async def echo(number: int) -> int:
        return int(await connection.ask("ECHO", number))

    assert await asyncio.gather(*(echo(number) for number in range(500))) == list(range(500))


async def test_a_caller_that_left_takes_no_answer_away_from_the_others(
    connection: RedisConnection,
) -> None:
    first, left, last = (connection.ask("ECHO", number) for number in range(3))
    left.cancel()

    assert (await first, await last) == (b"0", b"2")


async def test_an_error_reaches_only_its_command(connection: RedisConnection) -> None:
    wrong, right = connection.ask("NONSENSE"), connection.ask("ECHO", "fine")

    with pytest.raises(ErrorReply, match="ERR unknown command"):
        await wrong
    assert await right == b"fine"


async def test_waiting_calls_fail_when_redis_dies_and_later_ones_reconnect(
    redis: RedisServer, connection: RedisConnection
) -> None:
    assert redis.process is not None
    redis.process.send_signal(signal.SIGSTOP)
    waiting = connection.ask("ECHO", "?")
    redis.stop()

    with pytest.raises(RedisUnavailable):
        await waiting
    with pytest.raises(RedisUnavailable):
        connection.ask("ECHO", "?")
    assert not connection.is_up

    redis.start()
    await until_it_answers(connection)


async def test_a_call_waits_for_a_hanging_redis_only_briefly(
    redis: RedisServer,
) -> None:
    connection = open_connection(redis.url, deadline=0.05)
    async with connection.connected():
        assert redis.process is not None
        redis.process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(RedisUnavailable, match=r"no answer within 0\.05 seconds"):
                await connection.ask("ECHO", "?")
            assert not connection.is_up
        finally:
            redis.process.send_signal(signal.SIGCONT)
        await until_it_answers(connection)


@asynccontextmanager
async def something_else(answer: bytes) -> AsyncIterator[str]:
    """A server that is not Redis: it greets like one and then sends these bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(answer if b"ECHO" in data else b"+OK\r\n" * data.count(b"*"))
        writer.close()

    port = free_port()
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    yield f"redis://127.0.0.1:{port}/0"
    server.close()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400\r\n", b":one\r\n", b"+a"])
async def test_an_invalid_redis_reply_ends_the_connection(answer: bytes) -> None:
    async with something_else(answer) as url:
        connection = open_connection(url)
        async with connection.connected():
            with pytest.raises(RedisUnavailable):
                await connection.ask("ECHO", "?")


async def test_a_gateway_starts_while_redis_is_down() -> None:
    connection = open_connection(f"redis://127.0.0.1:{free_port()}/0")
    async with connection.connected():
        with pytest.raises(RedisUnavailable):
            connection.ask("ECHO", "?")


def test_a_malformed_url_is_refused() -> None:
    with pytest.raises(ValueError, match="must be redis://HOST"):
        open_connection("http://127.0.0.1")


def test_a_release_of_redis_py_that_keeps_its_transport_elsewhere_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ConnectionPool, "make_connection", lambda _: object())
    with pytest.raises(RuntimeError, match="does not keep a connection's transport in `_writer`"):
        open_connection("redis://127.0.0.1:1")
