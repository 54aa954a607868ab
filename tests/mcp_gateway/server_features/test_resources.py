"""Resources of the manifest: texts, files, and templates that a tool reads."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from mcp_gateway.http_client.port import HttpResponse
from support.in_process.gateway import API, META, MODERN, World, a_world

ERAS = pytest.mark.parametrize("era", ["old", "new"])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, manifest=API / "talking.yaml") as opened:
        opened.api.answer = lambda _: HttpResponse(200, "application/json", b'{"id":"7"}')
        yield opened


async def read(world: World, era: str, uri: object, **claims: Any) -> httpx2.Response:
    """Read a resource."""
    params = {"uri": uri, **({"_meta": META} if era == "new" else {})}
    body = {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": params}
    headers = {"mcp-protocol-version": "2025-11-25"}
    if era == "new":
        headers = {"mcp-protocol-version": MODERN, "mcp-method": "resources/read"}
        headers["mcp-name"] = str(uri)
    return await world.post(body, token=world.token(**claims), headers=headers)


@ERAS
async def test_resources_are_listed_in_order(world: World, era: str) -> None:
    result = (await world.ask(era, "resources/list")).json()["result"]
    assert result["resources"] == [
        {
            "name": "guide",
            "title": "Guide",
            "uri": "tracker://guide",
            "mimeType": "text/markdown",
        },
        {
            "name": "logo",
            "title": "Logo",
            "uri": "gatepost:resources/logo",
            "mimeType": "image/png",
        },
    ]
    assert ("cacheScope" in result) is (era == "new")


@ERAS
async def test_a_text_and_a_picture_are_read(world: World, era: str) -> None:
    [text] = (await read(world, era, "tracker://guide")).json()["result"]["contents"]
    assert text == {"uri": "tracker://guide", "mimeType": "text/markdown", "text": "# How we work"}
    [blob] = (await read(world, era, "gatepost:resources/logo")).json()["result"]["contents"]
    assert blob["blob"].startswith("iVBOR")


@ERAS
async def test_reading_a_resource_is_a_call_of_its_tool(world: World, era: str) -> None:
    result = (await read(world, era, "tracker://tasks/a%20b")).json()["result"]
    [contents] = result["contents"]
    assert contents["uri"] == "tracker://tasks/a%20b"
    assert orjson.loads(contents["text"]) == {"id": "7"}
    assert world.api.requests[-1].url == "http://127.0.0.1:8402/tasks/a%20b"
    assert world.records[-1]["tool"] == "get_task"


@ERAS
async def test_resources_of_a_forbidden_tool_are_hidden(world: World, era: str) -> None:
    listed = await world.ask(era, "resources/templates/list")
    assert [one["uriTemplate"] for one in listed.json()["result"]["resourceTemplates"]] == [
        "tracker://tasks/{id}"
    ]
    token = world.token(allowed_tools=["list_tasks"])
    listed = await world.ask(era, "resources/templates/list", token=token)
    assert listed.json()["result"]["resourceTemplates"] == []
    forbidden = await read(world, era, "tracker://tasks/7", allowed_tools=["list_tasks"])
    unknown = await read(world, era, "tracker://nothing")
    for answer, uri in ((forbidden, "tracker://tasks/7"), (unknown, "tracker://nothing")):
        error = answer.json()["error"]
        assert error["message"] == "Resource not found"
        assert error["code"] == (-32602 if era == "new" else -32002)
        assert error["data"] == {"uri": uri}
    assert world.api.requests == []


async def test_a_uri_of_bytes_that_are_not_text_names_nothing(world: World) -> None:
    """Read as a replacement character, it would name another record."""
    answer = await read(world, "old", "tracker://tasks/%ff")
    assert answer.json()["error"]["message"] == "Resource not found"
    assert world.api.requests == []


@ERAS
async def test_a_record_the_api_does_not_have_is_not_found(world: World, era: str) -> None:
    world.api.answer = lambda _: HttpResponse(404, "", b"")
    answer = await read(world, era, "tracker://tasks/8")
    assert answer.json()["error"]["message"] == "Resource not found"


@ERAS
async def test_a_failure_of_the_api_is_reported(world: World, era: str) -> None:
    world.api.answer = lambda _: HttpResponse(500, "", b"")
    error = (await read(world, era, "tracker://tasks/8")).json()["error"]
    assert "500" in error["message"]


@pytest.mark.parametrize("uri", [1, None, {}, ["tracker://guide"]])
async def test_a_value_that_is_not_a_uri_is_refused(world: World, uri: object) -> None:
    assert (await read(world, "old", uri)).json()["error"]["code"] == -32602


async def test_a_scope_that_is_missing_is_asked_for_as_for_a_tool(world: World) -> None:
    answer = await read(world, "new", "tracker://tasks/7", scope="other")
    assert answer.status_code == 403
    assert 'scope="mcp:read"' in answer.headers["www-authenticate"]
    answer = await read(world, "old", "tracker://tasks/7", scope="other")
    assert "mcp:read" in answer.json()["error"]["message"]
