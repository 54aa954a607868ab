"""A manifest that changes while the gateway serves: calls continue, and errors stay out."""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from anyio.lowlevel import checkpoint
from structlog.testing import capture_logs

from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.requests.request import HttpRequest
from support.in_process.gateway import API, World, a_world

BOTH = pytest.mark.parametrize("era", ["old", "new"])
NEW_TOOL = """
  find_tasks:
    operation: listTasks
    title: Find tasks
    bind: {tenant_id: tenant_id}
"""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    for name in ("tools.yaml", "openapi.yaml"):
        shutil.copy(API / name, tmp_path / name)
    async with a_world(tmp_path, manifest=tmp_path / "tools.yaml") as opened:
        yield opened


def manifest_of(world: World) -> Path:
    """Return the manifest of the gateway's only API."""
    return world.settings.served_apis[0].manifest


def change(world: World, name: str, before: str, after: str) -> None:
    """Rewrite one of the files with some text replaced."""
    file = manifest_of(world).with_name(name)
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


def add_tool(world: World) -> None:
    """Add a tool to the manifest."""
    change(world, "tools.yaml", "\n  get_task:", f"{NEW_TOOL}  get_task:")


async def listed(world: World, era: str = "new") -> dict[str, dict[str, Any]]:
    """List the tools by name."""
    tools = (await world.ask(era, "tools/list")).json()["result"]["tools"]
    return {tool["name"]: tool for tool in tools}


async def state(world: World) -> tuple[int, str]:
    """Return whether the gateway is ready, and the state of its catalogue."""
    answer = await world.http.get("/readyz")
    return answer.status_code, answer.json()["details"]["catalogue"]


@BOTH
async def test_a_changed_manifest_is_served_soon_in_lists_calls_and_consent(
    world: World, era: str
) -> None:
    assert "find_tasks" not in await listed(world, era)
    add_tool(world)
    with capture_logs() as logs:
        await world.looks.look()
    assert "find_tasks" in await listed(world, era)
    assert (await world.call(era, "find_tasks"))["isError"] is False
    token = world.token(scope="gatepost:catalogue", tenant_id="", allowed_tools=[])
    answer = await world.http.get(
        "/internal/catalogue", headers={"authorization": f"Bearer {token}"}
    )
    assert "find_tasks" in [tool["name"] for tool in answer.json()["tools"]]
    assert [line["tools"] for line in logs if line["event"] == "catalogue_switched"] == [6]
    assert await state(world) == (200, "current")


@BOTH
async def test_a_token_of_before_keeps_its_tools_and_gets_no_new_one_a165(
    world: World, era: str
) -> None:
    """The token names many tools by the digest of a toolset that the new tool has joined."""
    before = load_catalogue(manifest_of(world)).toolsets
    named = [entry for entry in before.members if entry.startswith("@read~")]
    token = world.token(allowed_tools=named)
    was = (await world.ask(era, "tools/list", token=token)).json()["result"]["tools"]

    add_tool(world)
    await world.looks.look()
    world.clock.advance(seconds=300)

    now = (await world.ask(era, "tools/list", token=token)).json()["result"]["tools"]
    assert [tool["name"] for tool in now] == [tool["name"] for tool in was]
    assert len(was) > 1


async def test_a_changed_api_document_is_served_too(world: World) -> None:
    change(world, "openapi.yaml", "{name: q, in: query", "{name: words, in: query")
    await world.looks.look()
    assert "words" in (await listed(world))["list_tasks"]["inputSchema"]["properties"]
    await world.call("new", "list_tasks", {"words": "x"})
    assert world.api.requests[-1].url.endswith("words=x")


@pytest.mark.parametrize(
    ("name", "before", "after", "problem"),
    [
        ("tools.yaml", "operation: getTask", "operation: gone", "tools.get_task.operation"),
        ("tools.yaml", "tools:", "tools: [", "is not valid YAML"),
        ("tools.yaml", "openapi: openapi.yaml", "openapi: gone.yaml", "gone.yaml can't be read"),
        ("openapi.yaml", "operationId: getTask", "operationId: other", "tools.get_task.operation"),
        ("openapi.yaml", "openapi: 3.1.0", "openapi: 9", "openapi"),
    ],
)
async def test_r24_a_file_that_can_not_be_served_changes_nothing_and_is_told(
    world: World, name: str, before: str, after: str, problem: str
) -> None:
    was = await listed(world)
    change(world, name, before, after)
    with capture_logs() as logs:
        await world.looks.look(4)
    [told] = [line for line in logs if line["event"] == "catalogue_kept"]
    assert told["log_level"] == "error"
    assert problem in told["problems"]
    assert await listed(world) == was
    assert (await world.call("new", "get_task", {"id": "1"}))["isError"] is False
    assert await state(world) == (200, "kept: the files can't be served")
    change(world, name, after, before)
    await world.looks.look()
    assert await state(world) == (200, "current")


async def test_a_document_that_comes_after_the_manifest_which_names_it_is_taken(
    world: World,
) -> None:
    change(world, "tools.yaml", "openapi: openapi.yaml", "openapi: second.yaml")
    await world.looks.look()
    assert (await state(world))[1].startswith("kept")
    shutil.copy(API / "openapi.yaml", manifest_of(world).with_name("second.yaml"))
    await world.looks.look()
    assert await state(world) == (200, "current")


async def test_files_that_are_still_being_written_are_not_loaded(world: World) -> None:
    with capture_logs() as logs:
        change(world, "tools.yaml", "tools:", "tools: [")
        await world.looks.look(1)
        change(world, "tools.yaml", "tools: [", "tools:")
        add_tool(world)
        await world.looks.look()
    assert [line["event"] for line in logs if "catalogue" in line["event"]] == [
        "catalogue_switched"
    ]


async def test_a_call_under_way_ends_with_the_tool_it_began_with(world: World) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def send(request: HttpRequest, *, deadline: float) -> HttpResponse:
        began.set()
        await go_on.wait()
        return HttpResponse(200, "application/json", b'{"tasks":[],"secret":1}')

    world.api.send = send  # type: ignore[method-assign]
    calling = asyncio.create_task(world.call("new", "list_tasks"))
    await began.wait()
    change(
        world,
        "tools.yaml",
        "  list_tasks:\n    operation: listTasks",
        "  list_tasks:\n    operation: listTasks\n    shape: {redact: [secret]}",
    )
    await world.looks.look()
    go_on.set()
    assert (await calling)["structuredContent"] == {"tasks": [], "secret": 1}
    after = await world.call("new", "list_tasks")
    assert after["structuredContent"] == {"tasks": [], "secret": "[redacted]"}


async def test_a_hangup_signal_loads_the_files_at_once(world: World) -> None:
    add_tool(world)
    os.kill(os.getpid(), signal.SIGHUP)
    async with asyncio.timeout(20):
        while "find_tasks" not in await listed(world):
            await checkpoint()


async def test_an_equal_catalogue_is_not_switched(world: World) -> None:
    change(world, "tools.yaml", "tools:", "# A remark.\ntools:")
    with capture_logs() as logs:
        await world.looks.look()
    assert [line for line in logs if "catalogue" in line["event"]] == []


async def test_a_document_whose_credentials_do_not_fit_the_settings_is_kept_out(
    tmp_path: Path,
) -> None:
    schemes = {
        "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
        "lock": {"type": "apiKey", "in": "header", "name": "X-Lock"},
    }
    for name in ("tools.yaml", "openapi.yaml"):
        shutil.copy(API / name, tmp_path / name)
    document = tmp_path / "openapi.yaml"
    text = document.read_text()

    def declare(*names: str) -> None:
        chosen = {name: schemes[name] for name in names}
        document.write_text(f"{text}\ncomponents: {{securitySchemes: {json.dumps(chosen)}}}\n")

    declare("key")
    credentials = {"key": {"mode": "static", "value": "s3cret"}}
    manifest = tmp_path / "tools.yaml"
    async with a_world(tmp_path, manifest=manifest, upstream_credentials=credentials) as world:
        declare("lock")
        with capture_logs() as logs:
            await world.looks.look()
        [told] = [line for line in logs if line["event"] == "catalogue_kept"]
        assert "upstream_credentials.key" in told["problems"]
        assert (await state(world))[1].startswith("kept")
        assert (await world.call("new", "list_tasks"))["isError"] is False
        declare("key", "lock")
        await world.looks.look()
        assert await state(world) == (200, "current")
