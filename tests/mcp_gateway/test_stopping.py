"""The gateway while it stops: `tests/gatepost/test_draining.py` has the server around it."""

import asyncio
from pathlib import Path
from typing import Any

from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.requests.request import HttpRequest
from support.in_process.gateway import API, World, a_world
from support.in_process.talk import initialize, talking

DELETE: dict[str, Any] = {"name": "delete_task", "arguments": {"id": "7"}}
CREATE: dict[str, Any] = {"name": "create_task", "arguments": {"title": "Tidy"}}
MAY: dict[str, Any] = {"elicitation": {}}


class SlowApi:
    """Never answers."""

    def __init__(self) -> None:
        """Wait for the first request."""
        self.asked = asyncio.Event()

    async def send(self, request: HttpRequest, *, deadline: float) -> HttpResponse:
        """Take a request."""
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_draining_gateway_is_not_ready_and_serves_on(world: World) -> None:
    assert (await world.http.get("/startupz")).json() == {"status": "started"}
    assert (await world.http.get("/readyz")).status_code == 200

    world.stopping.draining = True

    answer = await world.http.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "draining")
    assert (await world.http.get("/livez")).status_code == 200
    assert (await world.call("new", "list_tasks"))["isError"] is False


async def test_an_open_question_is_withdrawn_and_its_stream_ends_in_order(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path, manifest=API / "talking.yaml") as world:
        session = await initialize(world, MAY)
        async with talking(world, "old", "tools/call", DELETE, headers=session) as talk:
            assert (await talk.message())["method"] == "elicitation/create"

            world.stopping.end_waits()

            result = (await talk.message())["result"]
            assert talk.ended
        async with talking(world, "old", "tools/call", DELETE, headers=session) as talk:
            late = (await talk.message())["result"]
    said = "The gateway restarts, so the question was withdrawn. Call the tool again."
    for refused in (result, late):
        assert refused["isError"] is True
        assert refused["content"][0]["text"] == f"{said} Nothing was done."
    assert world.api.requests == []
    assert world.records[0]["reason"] == "not_answered"


async def test_a_call_that_takes_too_long_is_answered_and_recorded_before_the_end(
    tmp_path: Path,
) -> None:
    api = SlowApi()
    async with a_world(tmp_path, upstream=api) as world:
        calling = asyncio.create_task(world.new("tools/call", CREATE))
        await api.asked.wait()

        world.stopping.cut_off()

        answer = await calling
        said = answer.json()["error"]["message"]
        assert said.startswith("The gateway stopped before this request was finished.")
        assert "find out whether it did before you repeat it" in said
        assert said.endswith(answer.headers["x-request-id"])
        assert world.records[-1]["reason"] == "cancelled"
