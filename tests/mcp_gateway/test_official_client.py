"""The official SDK clients, in both eras, against the gateway in process."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from socket import create_server, socket
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ResourceUpdated, ToolsListChanged
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp_types import ElicitRequestFormParams, ElicitResult

from mcp_gateway.http_client.port import HttpResponse
from support.in_process.gateway import API, World, a_world
from support.processes.conformance import NODE, NODE_FOLDER
from support.processes.typescript_client import a_typescript_client

URL = "http://127.0.0.1:8401/mcp"


@pytest.mark.parametrize(
    ("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25"), ("2026-07-28",) * 2]
)
async def test_the_official_client_lists_and_calls(world: World, mode: str, version: str) -> None:
    world.http.headers["authorization"] = f"Bearer {world.token()}"
    transport = streamable_http_client(URL, http_client=world.http)
    async with Client(transport, mode=mode) as client:
        assert client.protocol_version == version
        listed = await client.list_tools()
        assert [tool.name for tool in listed.tools] == [
            "create_task",
            "delete_task",
            "get_task",
            "list_tasks",
            "list_team_tasks",
        ]
        result = await client.call_tool("list_tasks", {"q": "x"})
        assert result.structured_content == {"tasks": []}
        refused = await client.call_tool("create_task", {"title": 1})
        assert refused.is_error
        with pytest.raises(MCPError, match="Unknown tool: nothing"):
            await client.call_tool("nothing", {})
    assert world.api.requests[-1].url.endswith("?tenant_id=org_acme&q=x")


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_official_client_calls_a_composite_tool(tmp_path: Path, mode: str) -> None:
    (tmp_path / "openapi.yaml").write_bytes((API / "openapi.yaml").read_bytes())
    composite = """
  read_first_task:
    description: Read the first task that a search finds.
    calls:
      - {as: found, tool: list_tasks, arguments: {q: {from: input.q}}}
      - {as: task, tool: get_task, arguments: {id: {from: found.tasks.0.id}}}
    result: {task: task}
"""
    manifest = tmp_path / "tools.yaml"
    manifest.write_text((API / "tools.yaml").read_text() + composite)
    async with a_world(tmp_path, manifest=manifest) as world:
        listed = HttpResponse(200, "application/json", b'{"tasks":[{"id":"7"}]}')
        one = HttpResponse(200, "application/json", b'{"id":"7","title":"Paint"}')
        world.api.answer = lambda request: one if "/7" in request.url else listed
        world.http.headers["authorization"] = f"Bearer {world.token()}"
        transport = streamable_http_client(URL, http_client=world.http)
        async with Client(transport, mode=mode) as client:
            result = await client.call_tool("read_first_task", {"q": "paint"})

    assert result.structured_content == {"task": {"id": "7", "title": "Paint"}}
    assert len(world.api.requests) == 2
    assert [record["tool"] for record in world.records] == ["read_first_task"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize(("action", "deleted"), [("accept", True), ("decline", False)])
async def test_the_official_client_asks_its_person_before_something_is_deleted(
    tmp_path: Path, mode: str, action: Any, deleted: bool
) -> None:
    asked: list[str] = []

    async def ask(_: Any, params: Any) -> ElicitResult:
        assert isinstance(params, ElicitRequestFormParams)
        asked.append(params.message)
        return ElicitResult(action=action, content={} if deleted else None)

    listener = create_server(("127.0.0.1", 0))
    hosts = (f"127.0.0.1:{listener.getsockname()[1]}",)
    callback: Any = ask
    async with a_world(tmp_path, manifest=API / "talking.yaml", allowed_hosts=hosts) as world:
        headers = {"authorization": f"Bearer {world.token()}"}
        async with (
            on_a_socket(world, listener),
            httpx2.AsyncClient(headers=headers, trust_env=False) as http,
            Client(
                streamable_http_client(f"http://{hosts[0]}/mcp", http_client=http),
                mode=mode,
                elicitation_callback=callback,
            ) as client,
        ):
            result = await client.call_tool("delete_task", {"id": "7"})
        assert asked == ["Permanently delete task 7?\nid: 7"]
        assert result.is_error is not deleted
        assert len(world.api.requests) == deleted


@asynccontextmanager
async def on_a_socket(world: World, listener: socket) -> AsyncIterator[None]:
    """Serve on a socket, since an in-process stream arrives only when it ends."""
    app = world.http._transport.app  # type: ignore[attr-defined] # the app with its state
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


PUBLISHING = """
version: 1
name: Tasks
openapi: openapi.json
tools:
  get_task: {operation: getTask, output: publish}
  list_tasks: {operation: listTasks, output: publish}
"""
ANSWERS: dict[str, bytes] = {
    "matches": b'{"id":1,"title":"A","new":true}',
    "lacks a member": b'{"title":"A"}',
    "has another type": b'{"id":"1","title":null}',
    "is a list": b'[{"id":1,"title":"A"}]',
    "is null": b"null",
    "is not JSON": b"<p>Maintenance</p>",
    "is cut": b'{"id":1,"title":"' + b"A" * 100_000 + b'"}',
    "has null in optional members": b'{"id":1,"title":null,"parent":null}',
    "is a tree": b'{"id":1,"parent":' * 60 + b"null" + b"}" * 60,
    "is nested more deeply than the Python client reads": b'{"id":1,"parent":' * 190
    + b"null"
    + b"}" * 190,
    "has another type in a member that every object inherits": b'{"id":1,"constructor":7}',
}


def write_publishing(folder: Path) -> Path:
    """Write a manifest whose tools publish the schemas of their answers, with its document."""
    text, number = {"type": "string"}, {"type": "integer"}
    task = {"$ref": "#/components/schemas/Task"}
    parent = {"anyOf": [task, {"type": "null"}]}
    # JavaScript's objects have members of two of these names, even if the answer has none.
    members = {"id": number, "title": text, "parent": parent, "constructor": text, "toString": text}
    described = {"type": "object", "required": ["id"], "properties": members}
    forms = {"getTask": ("/task", task), "listTasks": ("/tasks", {"type": "array", "items": task})}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Tasks", "version": "1"},
        "paths": {
            path: {
                "get": {
                    "operationId": name,
                    "responses": {
                        "200": {
                            "description": "",
                            "content": {"application/json": {"schema": form}},
                        }
                    },
                }
            }
            for name, (path, form) in forms.items()
        },
        "components": {"schemas": {"Task": described}},
    }
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "tools.yaml").write_text(PUBLISHING)
    return folder / "tools.yaml"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_official_client_refuses_no_answer_of_a_tool_with_a_schema_a372(
    tmp_path: Path, mode: str
) -> None:
    async with a_world(tmp_path, manifest=write_publishing(tmp_path)) as world:
        world.http.headers["authorization"] = f"Bearer {world.token()}"
        transport = streamable_http_client(URL, http_client=world.http)
        async with Client(transport, mode=mode) as client:
            listed = (await client.list_tools()).tools
            assert all(tool.output_schema is not None for tool in listed)
            for body in ANSWERS.values():
                world.api.answer = lambda _, body=body: HttpResponse(200, "application/json", body)  # type: ignore[misc]
                for tool in listed:
                    result = await client.call_tool(tool.name)
                    assert not result.is_error and isinstance(result.structured_content, dict)
            world.api.answer = lambda _: HttpResponse(404, "application/json", b'{"id":"none"}')
            assert (await client.call_tool("get_task")).is_error


@pytest.mark.parametrize("sdk", ["v1", "v2"])
async def test_the_typescript_sdks_refuse_no_answer_of_a_tool_with_a_schema_a369(
    tmp_path: Path, sdk: str
) -> None:
    listener = create_server(("127.0.0.1", 0))
    hosts = (f"127.0.0.1:{listener.getsockname()[1]}",)
    manifest = write_publishing(tmp_path)
    async with (
        a_world(tmp_path, manifest=manifest, allowed_hosts=hosts) as world,
        on_a_socket(world, listener),
    ):
        process = await asyncio.create_subprocess_exec(
            *(NODE, "output.mjs", sdk, f"http://{hosts[0]}/mcp", world.token()),
            cwd=NODE_FOLDER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**20,
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            for status, body in [*((200, body) for body in ANSWERS.values()), (404, b"{}")]:
                world.api.answer = lambda _, given=(status, body): HttpResponse(  # type: ignore[misc]
                    given[0], "application/json", given[1]
                )
                for tool in ("get_task", "list_tasks"):
                    process.stdin.write(f"{tool}\n".encode())
                    await process.stdin.drain()
                    said = json.loads(await process.stdout.readline())
                    assert "error" not in said, said
                    assert ("structuredContent" in said) is (status == 200)
            process.stdin.close()
            assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


@asynccontextmanager
async def connecting(
    tmp_path: Path, mode: str, heard: asyncio.Queue[Any], metrics: socket | None = None
) -> AsyncIterator[tuple[World, Client]]:
    """Connect over a socket to a gateway whose manifest a test may change."""
    for name in ("talking.yaml", "openapi.yaml", "logo.png"):
        shutil.copy(API / name, tmp_path / name)
    listener = create_server(("127.0.0.1", 0))
    hosts = (f"127.0.0.1:{listener.getsockname()[1]}",)

    async def hear(message: Any) -> None:
        heard.put_nowait(message)

    manifest = tmp_path / "talking.yaml"
    async with a_world(tmp_path, manifest=manifest, allowed_hosts=hosts, metrics=metrics) as world:
        headers = {"authorization": f"Bearer {world.token()}"}
        async with (
            on_a_socket(world, listener),
            httpx2.AsyncClient(headers=headers, trust_env=False, timeout=30) as http,
            Client(
                streamable_http_client(f"http://{hosts[0]}/mcp", http_client=http),
                mode=mode,
                message_handler=hear,
            ) as client,
        ):
            yield world, client
            world.stopping.end_waits()  # as a process does before it waits for its requests


async def change_guide(world: World, tmp_path: Path) -> None:
    """Change the text of a resource, and the title of a tool."""
    manifest = tmp_path / "talking.yaml"
    text = manifest.read_text().replace("# How we work", "# How we worked")
    manifest.write_text(text.replace("operation: getTask", "operation: getTask, title: X"))
    await world.looks.look()


async def test_the_official_client_listens_to_changes(tmp_path: Path) -> None:
    async with (
        connecting(tmp_path, "auto", asyncio.Queue()) as (world, client),
        client.listen(
            tools_list_changed=True, resource_subscriptions=["tracker://guide"]
        ) as subscription,
    ):
        assert subscription.honored.resource_subscriptions == ["tracker://guide"]
        await change_guide(world, tmp_path)
        changes = {await anext(subscription), await anext(subscription)}
        assert changes == {ToolsListChanged(), ResourceUpdated("tracker://guide")}
        world.stopping.end_waits()
        assert [change async for change in subscription] == []


async def test_the_official_client_of_the_handshake_era_hears_of_changes(tmp_path: Path) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()
    bound = create_server(("127.0.0.1", 0))
    page = f"http://127.0.0.1:{bound.getsockname()[1]}/metrics"
    async with connecting(tmp_path, "legacy", heard, bound) as (world, client):
        subscribe: Any = client.subscribe_resource
        with pytest.warns(MCPDeprecationWarning):
            await subscribe("tracker://guide")
        while not await is_listening(page):
            pass
        await change_guide(world, tmp_path)
        methods = {(await heard.get()).method, (await heard.get()).method}
    assert methods == {
        "notifications/tools/list_changed",
        "notifications/resources/updated",
    }


@pytest.mark.whole_machine
@pytest.mark.parametrize("sdk", ["v1", "v2"])
async def test_a_typescript_client_hears_of_changes_on_its_stream(tmp_path: Path, sdk: str) -> None:
    async with connecting(tmp_path, "legacy", asyncio.Queue()) as (world, _):
        [host] = world.settings.allowed_hosts
        arguments = (sdk, f"http://{host}/mcp", world.token(client_id="node"), "tracker://guide")
        async with a_typescript_client(*arguments, script="listen.mjs") as client:
            assert await client.hear("listening") == {"listening": 200}
            await world.checks.look(1)
            await change_guide(world, tmp_path)
            heard = [(await client.hear("heard"))["heard"] for _ in range(2)]
    assert [one["method"] for one in heard] == [
        "notifications/tools/list_changed",
        "notifications/resources/updated",
    ]
    assert heard[1]["params"]["uri"] == "tracker://guide"


async def is_listening(metrics_url: str) -> bool:
    """Tell whether a client has its stream."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        page = (await http.get(metrics_url)).text
    return 'gatepost_notification_streams{era="handshake"} 1' in page
