"""The port `Upstream`: one exchange over sockets, of an operation of a REST API and of an MCP server's tool."""

import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mcp_gateway.http_client.http1 import Http1Client
from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.requests.request import HttpRequest
from support.in_process.gateway import World, a_world
from support.in_process.mcp_server import TEXT, McpServer, served, structured
from support.processes.services import free_port

LIMIT = 1 << 16
SECRET = "a-secret-of-the-api"
TOOLS = """\
tools:
  find: {operation: find, bind: {org: tenant_id}, deadline: 0.5}
  change: {operation: change, bind: {org: tenant_id}}
"""
Answer = Callable[[], HttpResponse | dict[str, Any]]


@dataclass
class Rest:
    """A REST API with two operations."""

    answer: Answer = lambda: {"notes": []}
    calls: list[str] = field(default_factory=list)
    """What each call said, as text."""

    def write(self, folder: Path) -> Path:
        """Write the manifest and the document."""
        org = {"name": "org", "in": "query", "schema": TEXT}
        find = {"operationId": "find", "parameters": [org]}
        change = {"operationId": "change", "parameters": [org]}
        paths = {"/notes": {"get": find, "post": change}}
        (folder / "openapi.json").write_text(json.dumps({"openapi": "3.1.0", "paths": paths}))
        return _manifest(folder, "openapi: openapi.json\n")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        self.calls.append(request.url)
        answer = self.answer()
        if isinstance(answer, HttpResponse):
            return answer
        return HttpResponse(200, "application/json", json.dumps(answer).encode())


@dataclass
class Mcp:
    """An MCP server with two tools."""

    server: McpServer
    answer: Answer = lambda: {"notes": []}
    calls: list[str] = field(default_factory=list)

    def write(self, folder: Path) -> Path:
        """Write the manifest and the reviewed list."""
        schema = {"type": "object", "properties": {"org": TEXT}}
        hints = {"annotations": {"readOnlyHint": True}}
        tools = [
            {"name": "find", "inputSchema": schema, **hints},
            {"name": "change", "inputSchema": schema},
        ]
        (folder / "mcp.json").write_text(json.dumps({"tools": tools}))
        return _manifest(folder, "mcp: mcp.json\n")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request; only calls of tools are calls."""

        def result(params: dict[str, Any]) -> HttpResponse | dict[str, Any]:
            self.calls.append(json.dumps(params["arguments"]))
            answer = self.answer()
            return answer if isinstance(answer, HttpResponse) else structured(answer)

        self.server.result = result
        return self.server(request)


Kind = Rest | Mcp
KINDS: dict[str, Callable[[], Kind]] = {
    "rest": Rest,
    "mcp": lambda: Mcp(McpServer()),
    "mcp-sessions": lambda: Mcp(McpServer(stateless=False, as_events=True)),
}


def _manifest(folder: Path, head: str) -> Path:
    path = folder / "tools.yaml"
    path.write_text(f"version: 1\nname: Notes\n{head}{TOOLS}")
    return path


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    """Make an API of each kind."""
    return KINDS[request.param]()


@pytest.fixture
def url(kind: Kind) -> Iterator[str]:
    """Serve it."""
    with served(kind) as place:
        yield place


@asynccontextmanager
async def opened(folder: Path, kind: Kind, url: str) -> AsyncIterator[World]:
    key = {"mode": "static", "value": SECRET, "place": "bearer"}
    async with (
        Http1Client(max_response=LIMIT) as client,
        a_world(
            folder,
            manifest=kind.write(folder),
            upstream_url=url,
            upstream=client,
            upstream_credentials={"key": key},
        ) as world,
    ):
        yield world


@pytest.fixture
async def world(kind: Kind, url: str, tmp_path: Path) -> AsyncIterator[World]:
    """Open a gateway in front of it."""
    async with opened(tmp_path, kind, url) as world:
        yield world


async def call(world: World, tool: str = "find", **claims: Any) -> Any:
    token = world.token(allowed_tools=["@read", "@write"], **claims)
    return await world.call("new", tool, token=token)


@contextmanager
def hanging(kind: Kind) -> Iterator[None]:
    """Let the API answer nothing for as long as the block lasts."""
    end = threading.Event()

    def answer() -> HttpResponse:
        end.wait()
        return HttpResponse(200, "", b"")

    kind.answer = answer
    try:
        yield
    finally:
        end.set()


def always(answer: HttpResponse | dict[str, Any]) -> Answer:
    return lambda: answer


async def test_each_call_carries_its_tenant_and_is_one_in_the_books(
    kind: Kind, world: World
) -> None:
    for tenant in ("org_one", "org_two"):
        result = await call(world, tenant_id=tenant)
        assert result["structuredContent"] == {"notes": []}
        assert tenant in kind.calls[-1]
    assert len(kind.calls) == 2
    books = [(one["tenant_id"], one["outcome"], one["cost"]) for one in world.records]
    assert books == [("org_one", "success", 1), ("org_two", "success", 1)]


async def test_an_api_that_hangs_costs_a_call_its_deadline_and_nothing_else(
    kind: Kind, world: World
) -> None:
    with hanging(kind):
        result = await call(world)
    assert "did not answer within 0.5 seconds" in result["content"][0]["text"]
    record = world.records[-1]
    assert (record["reason"], record["outcome"], record["cost"]) == ("deadline", "unknown", 0)


async def test_only_what_reads_is_sent_again(kind: Kind, world: World) -> None:
    kind.answer = always(HttpResponse(503, "text/plain", b""))
    assert (await call(world))["isError"]
    sent = len(kind.calls)
    assert sent > 1  # the pauses are random, and the deadline is short
    assert (await call(world, "change"))["isError"]
    assert len(kind.calls) == sent + 1


async def test_calls_to_a_tool_that_keeps_failing_are_paused_and_then_tried(
    kind: Kind, world: World
) -> None:
    kind.answer = always(HttpResponse(502, "text/plain", b""))
    tenants = [f"org_{number}" for number in range(20)]
    for tenant in tenants:
        await call(world, "change", tenant_id=tenant)
    assert world.records[-1]["reason"] == "breaker_open"
    sent = len(kind.calls)
    assert sent < len(tenants)
    kind.answer = always({"notes": []})
    world.clock.advance(seconds=3600)
    assert not (await call(world, "change")).get("isError")
    assert len(kind.calls) == sent + 1


async def test_an_answer_that_is_too_large_is_not_read_to_its_end(kind: Kind, world: World) -> None:
    kind.answer = always({"notes": ["x" * LIMIT]})
    result = await call(world)
    assert "is larger than" in result["content"][0]["text"]
    assert world.records[-1]["reason"] == "too_large"


async def test_a_redirect_is_told_and_never_followed(kind: Kind, world: World) -> None:
    reached: list[HttpRequest] = []

    def trap(request: HttpRequest) -> HttpResponse:
        reached.append(request)
        return HttpResponse(200, "application/json", b"{}")

    with served(trap) as elsewhere:
        for status in (301, 302, 303, 307, 308):
            kind.answer = always(HttpResponse(status, "text/plain", b"", link=elsewhere))
            result = await call(world)
            assert "redirect, which is not followed" in result["content"][0]["text"]
    assert not reached


async def test_a_secret_that_the_api_repeats_is_hidden(kind: Kind, world: World) -> None:
    kind.answer = always({"notes": [f"You sent {SECRET}"]})
    result = await call(world)
    assert "You sent [hidden]" in json.dumps(result)
    assert SECRET not in json.dumps(result)


async def test_an_error_costs_nothing_and_tells_nothing_internal(kind: Kind, world: World) -> None:
    kind.answer = always(HttpResponse(500, "text/plain", b"Traceback: db.internal"))
    result = await call(world)
    assert "The API answered 500" in result["content"][0]["text"]
    assert "internal" not in result["content"][0]["text"].removeprefix(
        "The API answered 500 Internal"
    )
    record = world.records[-1]
    assert (record["outcome"], record["cost"], record["status"]) == ("error", 0, 500)


async def test_an_api_that_is_down_is_told_as_such(kind: Kind, tmp_path: Path) -> None:
    async with opened(tmp_path, kind, f"http://127.0.0.1:{free_port()}/mcp") as world:
        result = await call(world, "change")
    assert "can't be reached" in result["content"][0]["text"]
    assert world.records[-1]["reason"] == "unreachable"
