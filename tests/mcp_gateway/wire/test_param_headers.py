"""A call is refused unless its `Mcp-Param-…` headers match the arguments."""

from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.in_process.gateway import API, META, MODERN, World, a_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, manifest=API / "talking.yaml") as opened:
        yield opened


async def call(world: World, arguments: Any, *header: str) -> tuple[int, Any]:
    """Call the tool whose `q` is mirrored."""
    params = {"name": "list_tasks", "arguments": arguments, "_meta": META}
    headers = [
        ("authorization", f"Bearer {world.token()}"),
        ("mcp-protocol-version", MODERN),
        ("mcp-method", "tools/call"),
        ("mcp-name", "list_tasks"),
        *(("mcp-param-search", text) for text in header),
    ]
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    answer = await world.http.post("/mcp", json=body, headers=headers)
    return answer.status_code, answer.json().get("error", {}).get("code")


async def test_the_schema_names_the_header(world: World) -> None:
    tools = (await world.new("tools/list")).json()["result"]["tools"]
    [tool] = [tool for tool in tools if tool["name"] == "list_tasks"]
    assert tool["inputSchema"]["properties"]["q"]["x-mcp-header"] == "Search"


@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        ({"q": "x"}, ["x"]),
        ({"q": "x"}, ["  x  "]),
        ({"q": "ü x "}, [f"=?base64?{b64encode('ü x '.encode()).decode()}?="]),
        ({}, []),
        ({"q": None}, []),
    ],
)
async def test_a_header_that_repeats_the_argument_is_in_order(
    world: World, arguments: Any, headers: list[str]
) -> None:
    assert (await call(world, arguments, *headers))[0] == 200


@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        ({"q": "x"}, []),
        ({"q": "x"}, ["X"]),
        ({"q": "x"}, ["x", "x"]),
        ({"q": "x"}, ["=?base64?eA?="]),
        ({"q": "x"}, ["=?base64?!?="]),
        ({}, ["x"]),
        ({"q": None}, ["x"]),
        ({"q": ["x"]}, ["x"]),
        (None, ["x"]),
    ],
)
async def test_a_header_that_says_something_else_is_a_mismatch(
    world: World, arguments: Any, headers: list[str]
) -> None:
    """2026-07-28 streamable HTTP, Custom Headers."""
    assert await call(world, arguments, *headers) == (400, -32020)
    assert world.api.requests == []


async def test_a_forbidden_tool_is_not_betrayed_by_its_headers(world: World) -> None:
    params = {"name": "list_tasks", "arguments": {"q": "x"}}
    answer = await world.new("tools/call", params, token=world.token(allowed_tools=["get_task"]))
    assert answer.json()["error"]["message"] == "Unknown tool: list_tasks"


async def test_an_older_client_knows_no_such_headers(world: World) -> None:
    headers = {
        "mcp-protocol-version": "2025-11-25",
        "mcp-param-search": "y",
        "accept": "application/json",
    }
    params = {"name": "list_tasks", "arguments": {"q": "x"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    answer = await world.post(body, headers=headers)
    assert answer.json()["result"]["isError"] is False
    assert world.api.requests[-1].url.endswith("q=x")
