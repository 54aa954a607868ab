"""Servers of the official Python SDK behind the gateway, over sockets, in each way that it serves."""

import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_gateway.http_client.http1 import Http1Client
from support.in_process.gateway import World, a_world
from support.in_process.mcp_server import write_manifest
from support.processes import mcp_server
from support.processes.services import Service, free_port, running_service

ALL = ["@read", "@write"]
MANIFEST = """\
version: 1
name: Notes
mcp: mcp.json
tools:
  find_notes: {operation: find_notes, bind: {org: tenant_id}, check: {'notes[].org': tenant_id}}
  leak_notes: {operation: leak_notes, check: {'notes[].org': tenant_id}}
  write_note: {operation: write_note, bind: {org: tenant_id}}
  count_slowly: {operation: count_slowly}
  fail: {operation: fail}
  draw: {operation: draw}
  ask: {operation: ask}
"""


@pytest.fixture(params=list(mcp_server.KINDS), scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Run one server of each kind."""
    port = free_port()
    argv = [sys.executable, mcp_server.__file__, str(port), request.param]
    log = tmp_path_factory.mktemp("server") / "log"
    with running_service(
        argv, url=f"http://127.0.0.1:{port}", log=log, ready_path="/livez"
    ) as service:
        yield service


@pytest.fixture
async def world(server: Service, tmp_path: Path) -> AsyncIterator[World]:
    """Open a gateway in front of it, with the list that the SDK makes."""
    listed = await mcp_server.make_server().list_tools()
    tools = [one.model_dump(by_alias=True, exclude_none=True, mode="json") for one in listed]
    path = write_manifest(tmp_path / "notes", MANIFEST, tools)
    async with (
        Http1Client() as client,
        a_world(
            tmp_path, manifest=path, upstream_url=f"{server.url}/mcp", upstream=client
        ) as opened,
    ):
        yield opened


async def call(world: World, tool: str, arguments: Any = None, **claims: Any) -> Any:
    token = world.token(allowed_tools=ALL, **claims)
    return await world.call("new", tool, arguments, token=token)


async def test_each_tenant_reads_what_it_wrote_and_nothing_of_others(world: World) -> None:
    for tenant in ("org_one", "org_two"):
        wrote = await call(world, "write_note", {"text": f"of {tenant}"}, tenant_id=tenant)
        assert wrote["structuredContent"] == {"result": f"Written for {tenant}"}
    for tenant in ("org_one", "org_two"):
        found = await call(world, "find_notes", {"words": "of"}, tenant_id=tenant)
        notes = found["structuredContent"]["notes"]
        assert {note["text"] for note in notes} == {f"of {tenant}"}
    assert [record["outcome"] for record in world.records] == ["success"] * 4


async def test_a_leak_of_the_server_reaches_nobody(world: World) -> None:
    leaked = await call(world, "leak_notes")
    assert leaked["isError"]
    assert "Their secret" not in json.dumps(leaked)
    assert world.records[-1]["reason"] == "foreign_record"


async def test_progress_a_failure_and_a_picture_are_read_as_the_server_meant_them(
    world: World,
) -> None:
    assert (await call(world, "count_slowly"))["structuredContent"] == {"result": 2}
    failed = await call(world, "fail")
    assert failed["isError"]
    assert world.records[-1]["outcome"] == "error"
    [picture] = (await call(world, "draw"))["content"]
    assert (picture["type"], picture["mimeType"]) == ("image", "image/png")


async def test_a_question_of_an_official_server_reaches_nobody_and_ends_the_call_a363(
    world: World,
) -> None:
    result = await call(world, "ask")
    assert result["isError"]
    assert "password" not in json.dumps(result)
    assert (world.records[-1]["cost"], world.records[-1]["outcome"]) == (0, "error")
    assert not (await call(world, "count_slowly")).get("isError")
