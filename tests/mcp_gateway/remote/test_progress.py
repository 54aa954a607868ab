"""The progress that a server reports reaches the client of a slow tool while its call runs."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mcp_gateway.http_client.http1 import Http1Client
from support.in_process.gateway import World, a_world
from support.in_process.mcp_server import MANIFEST, structured, write_manifest
from support.in_process.talk import talking

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
SLOW = MANIFEST.replace("    bind:", "    slow: true\n    bind:")


class ReportingServer:
    """Reports progress as the test tells it, and answers in the end."""

    def __init__(self) -> None:
        self.token: Any = None
        self.reports: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer each request of one connection with a stream."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        asked = json.loads(await reader.readexactly(length))
        result: Any = {"supportedVersions": ["2026-07-28"]}
        writer.write(HEAD)
        if asked["method"] == "tools/call":
            self.token = asked["params"]["_meta"].get("progressToken")
            result = structured({"notes": []})
            while (params := await self.reports.get()) is not None:
                named = {"progressToken": self.token, **params}
                said = {"jsonrpc": "2.0", "method": "notifications/progress", "params": named}
                writer.write(_event(said))
        writer.write(_event({"jsonrpc": "2.0", "id": asked["id"], "result": result}))
        writer.close()


def _event(message: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(message).encode() + b"\n\n"


@asynccontextmanager
async def reporting(folder: Path, manifest: str) -> AsyncIterator[tuple[ReportingServer, World]]:
    behind = ReportingServer()
    server = await asyncio.start_server(behind, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
    path = write_manifest(folder / "notes", manifest)
    async with (
        server,
        Http1Client() as client,
        a_world(folder, manifest=path, upstream_url=url, upstream=client) as world,
    ):
        yield behind, world


def _call(world: World, tool: str = "find_notes") -> Any:
    params = {"name": tool, "arguments": {"words": "milk"}, "_meta": {"progressToken": "p"}}
    allowed = {"authorization": f"Bearer {world.token(allowed_tools=['@read', '@write'])}"}
    return talking(world, "new", "tools/call", params, headers=allowed)


async def test_a_client_hears_how_far_the_server_has_come_while_it_waits(tmp_path: Path) -> None:
    """MCP progress: the value increases with each notification."""
    async with reporting(tmp_path, SLOW) as (server, world), _call(world) as talk:
        heard = [await talk.message(), await talk.message()]
        for report in (
            {"progress": 1, "total": 4, "message": "Row of org_other"},
            {"progress": 0.5, "total": 4},  # less than before
            {"progress": 2, "total": 4},
            {"progress": 9, "total": 4},
        ):
            server.reports.put_nowait(report)
            if report["progress"] != 0.5:
                heard.append(await talk.message())
        server.reports.put_nowait(None)
        heard += await talk.messages()
    *told, answer = heard
    params = [one["params"] for one in told]
    assert {one["progressToken"] for one in params} == {"p"}
    done = [one["progress"] for one in params]
    assert done == sorted(set(done))
    assert (done[0], done[-1]) == (0, 2)
    said = [one["message"] for one in params]
    assert said[2:5] == [f"The API has come to {part}" for part in ("1 of 4", "2 of 4", "4 of 4")]
    assert "org_other" not in json.dumps(told)
    assert answer["result"]["structuredContent"] == {"notes": []}
    assert server.token not in (None, "p")


@pytest.mark.parametrize(
    "report",
    [
        {"progress": 1, "total": 0},
        {"progress": 3},
        {"progress": 1e308, "total": 1e-300},
    ],
    ids=["nothing-in-all", "without-total", "giant"],
)
async def test_a_server_that_does_not_know_the_total_still_makes_progress(
    report: dict[str, Any], tmp_path: Path
) -> None:
    async with reporting(tmp_path, SLOW) as (server, world), _call(world) as talk:
        await talk.message()
        await talk.message()
        server.reports.put_nowait(report)
        assert 1 < (await talk.message())["params"]["progress"] < 2
        server.reports.put_nowait(None)
        assert (await talk.messages())[-1]["result"]["structuredContent"] == {"notes": []}


@pytest.mark.parametrize(
    "report",
    [
        {"progress": "1"},
        {"progress": True},
        {"progress": -1, "total": 4},
        {"progress": [1]},
        {},
        {"progress": 1, "total": 2, "progressToken": "of another call"},
    ],
)
async def test_a_malformed_report_or_one_about_another_call_reaches_nobody(
    report: dict[str, Any], tmp_path: Path
) -> None:
    async with reporting(tmp_path, SLOW) as (server, world), _call(world) as talk:
        stages = [await talk.message(), await talk.message()]
        server.reports.put_nowait(report)
        server.reports.put_nowait({"progress": 1, "total": 100})
        assert "1 of 100" in (await talk.message())["params"]["message"]
        server.reports.put_nowait(None)
        last, answer = await talk.messages()
    assert [one["params"]["progress"] for one in (*stages, last)] == [0, 1, 2]
    assert answer["result"]["structuredContent"] == {"notes": []}


async def test_a_tool_that_is_not_slow_asks_for_no_progress(tmp_path: Path) -> None:
    async with reporting(tmp_path, MANIFEST) as (server, world), _call(world) as talk:
        server.reports.put_nowait(None)
        [answer] = await talk.messages()
    assert answer["result"]["structuredContent"] == {"notes": []}
    assert server.token is None


COMPOSITE = (
    SLOW
    + """\
  find_twice:
    description: Find notes by two words.
    slow: true
    calls:
      - {as: one, tool: find_notes, arguments: {words: {from: input.words}}}
      - {as: two, tool: find_notes, arguments: {words: {from: input.words}}}
"""
)


async def test_progress_never_goes_back_over_several_calls_to_a_server(tmp_path: Path) -> None:
    """MCP progress: the value increases with each notification, also over the calls of a composite tool."""
    async with (
        reporting(tmp_path, COMPOSITE) as (server, world),
        _call(world, "find_twice") as talk,
    ):
        stages = [await talk.message(), await talk.message()]
        for report in ({"progress": 3, "total": 4}, None, {"progress": 1, "total": 4}, None):
            server.reports.put_nowait(report)
        *told, answer = await talk.messages()
    done = [one["params"]["progress"] for one in (*stages, *told)]
    assert done == sorted(set(done))
    assert (done[0], done[-1]) == (0, 2)
    assert answer["result"]["structuredContent"] == {"one": {"notes": []}, "two": {"notes": []}}
