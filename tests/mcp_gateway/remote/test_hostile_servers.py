"""Servers over sockets that do what no server should: no end, no sense, and other versions."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mcp_gateway.http_client.http1 import Http1Client
from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.requests.request import HttpRequest
from support.in_process.gateway import World, a_world
from support.in_process.mcp_server import (
    MANIFEST,
    McpServer,
    served,
    structured,
    write_manifest,
)

LIMIT = 1 << 18
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
QUICK = MANIFEST.replace("    bind:", "    deadline: 0.5\n    bind:")


@asynccontextmanager
async def streaming(pieces: Iterator[bytes]) -> AsyncIterator[str]:
    """Serve a stream that never ends: the pieces, and then nothing."""
    writers: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            return

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
    finally:
        server.close()
        for writer in writers:
            writer.close()


@asynccontextmanager
async def in_front_of(url: str, folder: Path) -> AsyncIterator[World]:
    manifest = write_manifest(folder / "notes", QUICK)
    async with (
        Http1Client(max_response=LIMIT) as client,
        a_world(folder, manifest=manifest, upstream_url=url, upstream=client) as world,
    ):
        yield world


async def find(world: World, **claims: Any) -> Any:
    token = world.token(allowed_tools=["@read", "@write"], **claims)
    return await world.call("new", "find_notes", {"words": "milk"}, token=token)


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        (iter([b": ping\n\n"]), "deadline"),
        (iter(lambda: b"data: {}\n\n" * 1000, None), "too_large"),
        (iter([b"data: " + b"x" * (LIMIT + 1)]), "too_large"),
    ],
    ids=["silent", "endless", "giant"],
)
async def test_a_stream_without_end_is_given_up_a362(
    pieces: Iterator[bytes], reason: str, tmp_path: Path
) -> None:
    async with streaming(pieces) as url, in_front_of(url, tmp_path) as world:
        assert (await find(world))["isError"]
    assert world.records[-1]["reason"] == reason


@pytest.mark.parametrize("line", [b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [1, 100, 1 << 17])
async def test_an_answer_counts_although_its_stream_stays_open(
    line: bytes, size: int, tmp_path: Path
) -> None:
    """Progress and signs of life come before it; the whole arrives in pieces of some size."""
    notes = {"notes": [{"text": "x" * 2000}]}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        asked = json.loads(await reader.readexactly(length))
        result = {"supportedVersions": ["2026-07-28"]}
        if asked["method"] == "tools/call":
            result = structured(notes)
        ping = {"jsonrpc": "2.0", "id": asked["id"], "method": "ping"}
        said = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}
        last = {"jsonrpc": "2.0", "id": asked["id"], "result": result}
        stream = b"".join(
            b"data: " + json.dumps(one).encode() + line * 2 for one in (said, ping, last)
        )
        writer.write(HEAD)
        for start in range(0, len(stream), size):
            writer.write(stream[start : start + size])
            await writer.drain()
        await reader.read()  # until the gateway closes the connection
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
        async with in_front_of(url, tmp_path) as world:
            result = await find(world)
    assert not result.get("isError"), result
    assert json.loads(result["content"][0]["text"]) == notes


@pytest.mark.parametrize("session", ["with space", "x" * 600, "ümlaut"])
async def test_a_malformed_session_is_not_used(session: str, tmp_path: Path) -> None:
    server = McpServer(stateless=False)

    def answer(request: HttpRequest) -> HttpResponse:
        said = server(request)
        return said._replace(session=session) if said.session else said

    with served(answer) as url:
        async with in_front_of(url, tmp_path) as world:
            result = await find(world)
    assert "malformed session" in result["content"][0]["text"]
    assert not server.calls()


async def test_a_server_of_an_unknown_revision_gets_no_call(tmp_path: Path) -> None:
    server = McpServer(stateless=False)

    def answer(request: HttpRequest) -> HttpResponse:
        said = server(request)
        return said._replace(body=said.body.replace(b"2025-11-25", b"2031-01-01"))

    with served(answer) as url:
        async with in_front_of(url, tmp_path) as world:
            result = await find(world)
    assert "no revision of MCP" in result["content"][0]["text"]
    assert not server.calls()
