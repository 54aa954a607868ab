"""The gateway's metrics, as Prometheus reads them."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from socket import create_server
from typing import Any

import httpx2

from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.metrics.names import METRICS
from support.in_process.gateway import Reports, World, a_world

NAMES = {one.name for one in METRICS}
OPERATION = "mcp_server_operation_duration_seconds_count"


class Observed:
    """A gateway and its page of metrics."""

    def __init__(self, world: World, url: str) -> None:
        """Take the gateway, and where its metrics are."""
        self.world = world
        self.url = url

    async def page(self) -> str:
        """Read the page."""
        async with httpx2.AsyncClient(trust_env=False) as http:
            return (await http.get(self.url)).text

    async def value(self, sample: str) -> str | None:
        """Read one value by its name and labels."""
        found = re.search(rf"^{re.escape(sample)} (.*)$", await self.page(), re.MULTILINE)
        return found and found[1]


@asynccontextmanager
async def observed(
    folder: Path, reports: Reports | None = None, **changes: Any
) -> AsyncIterator[Observed]:
    bound = create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{bound.getsockname()[1]}/metrics"
    async with a_world(folder, metrics=bound, reports=reports, **changes) as world:
        yield Observed(world, url)


async def test_every_call_is_counted_by_its_tool_and_by_how_it_ended(tmp_path: Path) -> None:
    async with observed(tmp_path) as gateway:
        world = gateway.world
        await world.call("new", "list_tasks")
        await world.call("old", "list_tasks")
        world.api.answer = lambda _: HttpResponse(500, "text/plain", b"no")
        await world.call("new", "create_task", {"title": "Tidy"})
        await world.new("tools/list")

        labels = 'mcp_method_name="tools/call",gen_ai_tool_name="list_tasks",error_type=""'
        assert await gateway.value(f"{OPERATION}{{{labels}}}") == "2"
        listed = 'mcp_method_name="tools/list",gen_ai_tool_name="",error_type=""'
        assert await gateway.value(f"{OPERATION}{{{listed}}}") == "1"
        assert (
            await gateway.value('gatepost_calls_total{api="",decision="allowed",reason=""}') == "2"
        )
        page = await gateway.page()
        assert re.search(r'gen_ai_tool_name="create_task",error_type="\w+"} 1$', page, re.MULTILINE)
        assert 'gatepost_breaker_state{api="",kind="origin",name="http://127.0.0.1:8402"} 0' in page
        assert await gateway.value("gatepost_tools") == "5"


async def test_answers_that_deviate_from_a_published_schema_are_counted_by_tool(
    tmp_path: Path,
) -> None:
    schema = {"type": "object", "properties": {"id": {"type": "integer"}}}
    answers = {"200": {"description": "", "content": {"application/json": {"schema": schema}}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Tasks", "version": "1"},
        "paths": {"/task": {"get": {"operationId": "getTask", "responses": answers}}},
    }
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    manifest = tmp_path / "tools.yaml"
    manifest.write_text(
        "version: 1\nname: Tasks\nopenapi: openapi.json\ntools:\n"
        "  get_task: {operation: getTask, output: publish, shape: {most_bytes: 400000}}\n"
        "  get_plainly: {operation: getTask}\n"
    )
    long = b'{"id":"' + b"x" * 200_000 + b'"}'  # read in the thread for long answers
    async with observed(tmp_path, manifest=manifest) as gateway:
        for body in (b'{"id":1}', b'{"id":"1"}', long):
            gateway.world.api.answer = lambda _, body=body: HttpResponse(  # type: ignore[misc] # bound now
                200, "application/json", body
            )
            for tool in ("get_task", "get_plainly"):
                await gateway.world.call("new", tool)
        page = await gateway.page()
    counted = re.findall(r"^gatepost_output_deviations_total(.*)$", page, re.MULTILINE)
    assert counted == ['{tool="get_task"} 2']


async def test_names_that_strangers_invent_and_those_of_tenants_are_not_on_the_page(
    tmp_path: Path,
) -> None:
    async with observed(tmp_path) as gateway:
        world = gateway.world
        await world.call("old", "list_tasks")
        await world.new("tools/call", {"name": "an_invention", "arguments": {}})
        await world.new("made/up")
        await world.post({}, token="forged")

        page = await gateway.page()

        for secret in ("an_invention", "made/up", "org_acme", "usr_ada", "forged"):
            assert secret not in page
        refused = 'gatepost_calls_total{api="",decision="refused",reason="unknown_tool"}'
        assert await gateway.value(refused) == "1"
        assert (
            f'{OPERATION}{{mcp_method_name="other",gen_ai_tool_name="",error_type="-32601"' in page
        )
        assert await gateway.value('gatepost_requests_refused_total{reason="invalid_token"}') == "1"


async def test_ages_grow_and_draining_is_shown(tmp_path: Path) -> None:
    async with observed(tmp_path) as gateway:
        await gateway.world.call("new", "list_tasks")
        before = await gateway.value("gatepost_jwks_age_seconds")
        gateway.world.clock.advance(seconds=90)
        gateway.world.stopping.draining = True

        assert before == "0"
        assert await gateway.value("gatepost_jwks_age_seconds") == "90"
        assert await gateway.value("gatepost_draining") == "1"


async def test_the_page_holds_what_the_names_promise(tmp_path: Path) -> None:
    async with observed(tmp_path, Reports()) as gateway:
        shown = set(re.findall(r"^# TYPE (\w+)", await gateway.page(), re.MULTILINE))

    without_redis = {name for name in NAMES if "_redis_" not in name}
    assert shown == without_redis
