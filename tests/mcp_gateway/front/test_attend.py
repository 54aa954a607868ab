"""A waiting client gets keep-alives, and a disconnect can cancel its call."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.requests.request import HttpRequest
from support.in_process.gateway import API, a_world
from support.in_process.talk import initialize, talking

CALL: dict[str, Any] = {"name": "list_tasks", "arguments": {}}


class HangingApi:
    """An API that answers on demand, and records a cancellation."""

    def __init__(self) -> None:
        """Hang until `proceed` is set."""
        self.asked = asyncio.Event()
        self.proceed = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def send(self, request: HttpRequest, *, deadline: float) -> HttpResponse:
        """Wait."""
        self.asked.set()
        try:
            await self.proceed.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        # This is written over several lines, but an event must be one.
        return HttpResponse(200, "application/json", b'{\r\n  "tasks": []\n}')


@pytest.mark.parametrize(("era", "answered"), [("new", False), ("old", True)])
async def test_leaving_cancels_the_call_only_where_the_protocol_says_so(
    tmp_path: Path, era: str, answered: bool
) -> None:
    """2026-07-28 Cancellation; 2025-11-25 transports: disconnection is not cancellation."""
    api = HangingApi()
    async with a_world(tmp_path, upstream=api) as world:
        async with talking(world, era, "tools/call", CALL) as talk:
            await api.asked.wait()
            talk.left.set()
            if era == "new":
                await api.cancelled.wait()
            else:
                api.proceed.set()
        assert talk.sent.empty() is not answered
        assert api.cancelled.is_set() is not answered
        await world.journal.stored.wait()
        assert world.records[-1]["reason"] == ("" if answered else "cancelled")


@pytest.mark.parametrize("era", ["old", "new"])
async def test_a_call_that_outlasts_a_proxys_patience_is_answered_as_a_stream(
    tmp_path: Path, era: str
) -> None:
    api = HangingApi()
    async with a_world(tmp_path, upstream=api, keep_alive=0.001) as world:
        async with talking(world, era, "tools/call", CALL) as talk:
            assert await talk.chunk() == await talk.chunk() == b": keep-alive\n\n"
            api.proceed.set()
            [answer] = await talk.messages()
        assert talk.status == 200
        assert talk.headers["content-type"] == "text/event-stream"
        assert talk.headers["x-accel-buffering"] == "no"
        assert "content-length" not in talk.headers
        assert talk.headers["x-request-id"] == world.records[-1]["call_id"]
        assert answer["result"]["structuredContent"] == {"tasks": []}


@pytest.mark.parametrize("accept", ["application/json", "application/*;q=0.9"])
async def test_a_client_that_reads_no_stream_gets_json_however_long_it_takes(
    tmp_path: Path, accept: str
) -> None:
    api = HangingApi()
    manifest = API / "talking.yaml"
    async with a_world(tmp_path, upstream=api, manifest=manifest, keep_alive=0.001) as world:
        headers = {"accept": accept}
        async with talking(world, "old", "tools/call", CALL, headers=headers) as talk:
            await api.asked.wait()
            api.proceed.set()
            messages = await talk.messages()
        assert talk.headers["content-type"] == "application/json"
        assert len(messages) == 1


async def test_a_client_that_leaves_while_it_is_asked_ends_the_call_in_either_era(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path, manifest=API / "talking.yaml") as world:
        session = await initialize(world, {"elicitation": {}})
        params = {"name": "delete_task", "arguments": {"id": "7"}}
        async with talking(world, "old", "tools/call", params, headers=session) as talk:
            assert (await talk.message())["method"] == "elicitation/create"
        assert world.api.requests == []
        assert world.records[-1]["reason"] == "cancelled"
