"""An argument is completed from what its tool allows, and from what the caller may list."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from mcp_types import CompleteResult

from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.requests.request import HttpRequest
from support.in_process.gateway import World, a_world

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Tracker", "version": "1"},
    "paths": {
        "/{tenant_id}/projects": {
            "get": {
                "operationId": "listProjects",
                "parameters": [
                    {
                        "name": "tenant_id",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "string"},
                    }
                ],
                "responses": {"200": {"description": "OK"}},
            }
        },
        "/boards/{project}/{view}": {
            "get": {
                "operationId": "getBoard",
                "parameters": [
                    {
                        "name": "project",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "string"},
                    },
                    {
                        "name": "view",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "string", "enum": ["week", "month", "year"]},
                    },
                ],
                "responses": {"200": {"description": "OK"}},
            }
        },
    },
}
MANIFEST = """
version: 1
name: Tracker
openapi: openapi.json
tools:
  list_projects: {operation: listProjects, bind: {tenant_id: tenant_id}, shape: {redact: ["items[].code"]}}
  get_board: {operation: getBoard}
prompts:
  plan:
    arguments:
      project: {complete: {tool: list_projects, values: "items[].id"}}
      view: {}
    tools: [get_board]
    text: "Plan {{project}} by {{view}}."
resources:
  board:
    tool: get_board
    uri: "tracker://boards/{project}/{view}"
    complete: {project: {tool: list_projects, values: "items[].id"}}
"""
ERAS = pytest.mark.parametrize("era", ["old", "new"])
PROMPT = {"type": "ref/prompt", "name": "plan"}
TEMPLATE = {"type": "ref/resource", "uri": "tracker://boards/{project}/{view}"}


def write(folder: Path, text: str = MANIFEST) -> Path:
    """Write the manifest and its document."""
    (folder / "openapi.json").write_bytes(orjson.dumps(DOCUMENT))
    manifest = folder / "tools.yaml"
    manifest.write_text(text)
    return manifest


def of_tenant(request: HttpRequest) -> HttpResponse:
    """Answer the projects of the tenant in the path."""
    tenant = request.url.split("/")[3]
    items = [{"id": f"{tenant}-{number}", "code": "secret"} for number in range(150)]
    return HttpResponse(200, "application/json", orjson.dumps({"items": items}))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, manifest=write(tmp_path)) as opened:
        opened.api.answer = of_tenant
        yield opened


async def complete(
    world: World, era: str, ref: Any, name: str, typed: str = "", **token: Any
) -> Any:
    """Complete an argument; keywords change the token."""
    params = {"ref": ref, "argument": {"name": name, "value": typed}}
    answer = await world.ask(era, "completion/complete", params, token=world.token(**token))
    result = answer.json()["result"]
    CompleteResult.model_validate(result)
    return result["completion"]


@ERAS
@pytest.mark.parametrize("ref", [PROMPT, TEMPLATE])
async def test_an_argument_is_completed_from_the_values_that_its_tool_allows(
    world: World, era: str, ref: Any
) -> None:
    found = await complete(world, era, ref, "view", "m")
    assert found == {"values": ["month"], "total": 1, "hasMore": False}
    assert world.api.requests == []


@ERAS
@pytest.mark.parametrize("ref", [PROMPT, TEMPLATE])
async def test_an_argument_is_completed_from_what_the_caller_may_list(
    world: World, era: str, ref: Any
) -> None:
    found = await complete(world, era, ref, "project", "ACME-14")
    assert found["values"] == [f"org_acme-{n}" for n in (14, *range(140, 150))]
    found = await complete(world, era, ref, "project")
    assert (len(found["values"]), found["total"], found["hasMore"]) == (100, 150, True)


async def test_the_values_are_listed_once_for_half_a_minute(world: World) -> None:
    for typed in ("o", "or", "org"):
        await complete(world, "new", PROMPT, "project", typed)
    assert len(world.api.requests) == 1
    # The call is recorded like any other.
    assert [one["tool"] for one in world.records] == ["list_projects"]
    world.clock.advance(seconds=30)
    await complete(world, "new", PROMPT, "project")
    assert len(world.api.requests) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"tenant_id": "org_globex"},
        {"sub": "usr_bo"},
        {"client_id": "client_other"},
        {"grant_id": "grant_2"},
        {"grant_version": 2},
        {"data_scope": "team:design"},
    ],
)
async def test_nobody_gets_values_that_were_listed_for_somebody_else_a331(
    world: World, other: dict[str, Any]
) -> None:
    await complete(world, "new", PROMPT, "project")
    found = await complete(world, "new", PROMPT, "project", **other)
    assert len(world.api.requests) == 2
    tenant = other.get("tenant_id", "org_acme")
    assert {value.partition("-")[0] for value in found["values"]} == {tenant}


async def test_a_caller_who_may_not_use_the_tool_gets_no_values_a331(world: World) -> None:
    await complete(world, "new", PROMPT, "project")
    found = await complete(world, "new", PROMPT, "project", allowed_tools=["get_board"])
    assert found["values"] == []
    assert len(world.api.requests) == 1


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"items": {"id": 1}}', b'{"items": [1, null]}']
)
async def test_an_answer_without_values_completes_nothing(world: World, body: bytes) -> None:
    world.api.answer = lambda _: HttpResponse(200, "application/json", body)
    assert (await complete(world, "new", PROMPT, "project"))["values"] == []


async def test_an_api_that_fails_completes_nothing_and_is_asked_again(world: World) -> None:
    world.api.answer = lambda _: HttpResponse(500, "application/json", b"{}")
    assert (await complete(world, "new", PROMPT, "project"))["values"] == []
    world.api.answer = of_tenant
    assert (await complete(world, "new", PROMPT, "project"))["total"] == 150


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ("tool: get_board, values", "get_board must only read, need no arguments"),
        ("tool: list_boards, values", "list_boards is not a tool that is exposed"),
    ],
)
def test_a_completion_that_can_not_be_listed_is_refused(
    tmp_path: Path, wrong: str, problem: str
) -> None:
    with pytest.raises(ManifestError, match=problem):
        load_catalogue(write(tmp_path, MANIFEST.replace("tool: list_projects, values", wrong)))
    with pytest.raises(ManifestError, match=r"resources\.board\.complete\.team: the URI does not"):
        load_catalogue(
            write(tmp_path, MANIFEST.replace("complete: {project: {tool", "complete: {team: {tool"))
        )
