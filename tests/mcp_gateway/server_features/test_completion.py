"""An argument is completed from what its tool allows, and from what the caller may list."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from mcp_types import CompleteResult

from gatepost.linked_tokens import LinkedTokenAnswer
from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.requests.request import HttpRequest
from support.in_process.gateway import World, a_world
from support.in_process.talk import initialize, talking

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


async def test_an_api_that_fails_completes_nothing_and_is_asked_again_after_a_pause(
    world: World,
) -> None:
    world.api.answer = lambda _: HttpResponse(403, "application/json", b"{}")
    for typed in ("", "o", "or"):
        found = await complete(world, "new", PROMPT, "project", typed)
        assert found == {"values": [], "hasMore": True}  # there may be values, which nobody knows
    assert len(world.api.requests) == 1
    world.api.answer = of_tenant
    world.clock.advance(seconds=5)
    assert (await complete(world, "new", PROMPT, "project"))["total"] == 150


async def test_typing_fast_makes_and_pays_one_call_a382(tmp_path: Path) -> None:
    class Slow:
        """An API that answers once all clients wait."""

        asked = 0
        reached = asyncio.Event()
        answering = asyncio.Event()

        async def send(self, request: HttpRequest, *, deadline: float) -> HttpResponse:
            self.asked += 1
            self.reached.set()
            await self.answering.wait()
            return of_tenant(request)

    api = Slow()
    async with a_world(tmp_path, manifest=write(tmp_path), upstream=api) as world:
        typing = [
            asyncio.create_task(complete(world, era, ref, "project", typed))
            for typed in ("o", "org", "org_acme-7")
            for era, ref in (("old", PROMPT), ("new", TEMPLATE))
        ]
        await api.reached.wait()
        # The client goes on typing and forgets the first key press.
        typing.pop(0).cancel()
        api.answering.set()
        found = await asyncio.gather(*typing)

    assert [one["total"] for one in found] == [150, 150, 150, 11, 11]
    assert api.asked == 1
    assert [record["cost"] for record in world.records] == [1]


@ERAS
@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("e\u0301t", ["été", "E\u0301tude"]),
        ("\u00e9t", ["été", "E\u0301tude"]),
        ("STRASSE", ["straße"]),
        ("(.*[", ["a(.*[b"]),
        ("42", ["42", "142"]),
        ("x" * 100_000, []),
    ],
)
async def test_what_a_person_types_is_text_in_any_case_and_form(
    world: World, era: str, typed: str, values: list[str]
) -> None:
    listed = [
        "été",
        "E\u0301tude",
        "straße",
        "a(.*[b",
        142,
        42,
        4.2,
        True,
        None,
        "",
        ["42"],
        "x" * 201,
    ]
    body = orjson.dumps({"items": [{"id": value} for value in listed]})
    world.api.answer = lambda _: HttpResponse(200, "application/json", body)

    found = await complete(world, era, PROMPT, "project", typed)

    assert found == {"values": values, "total": len(values), "hasMore": False}


@pytest.mark.parametrize(
    ("most_bytes", "count", "whole"),
    [(4 << 20, 2000, True), (4 << 20, 9000, False), (2048, 900, False)],
)
async def test_a_list_of_which_only_a_part_was_read_does_not_claim_to_be_whole(
    tmp_path: Path, most_bytes: int, count: int, whole: bool
) -> None:
    manifest = write(tmp_path, MANIFEST.replace("shape: {", f"shape: {{most_bytes: {most_bytes}, "))
    items = [{"id": f"p{number}"} for number in range(count)]
    body = orjson.dumps({"items": items})
    async with a_world(tmp_path, manifest=manifest) as world:
        world.api.answer = lambda _: HttpResponse(200, "application/json", body)
        found = await complete(world, "new", PROMPT, "project", "p")
        none = await complete(world, "new", PROMPT, "project", "q")

    assert found["values"] == [f"p{number}" for number in range(100)]
    assert found["hasMore"] is True
    assert found.get("total") == (count if whole else None)
    assert none == (
        {"values": [], "total": 0, "hasMore": False} if whole else {"values": [], "hasMore": True}
    )


STATE = {"type": "string", "enum": ["open", "done"]}


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        (STATE, ["open", "done"]),
        ({"$ref": "#/components/schemas/State"}, ["open", "done"]),
        ({"type": "array", "items": STATE}, ["open", "done"]),
        ({"type": "array", "items": True}, []),
        (True, []),
        ({"type": "integer", "enum": [1, 2, 3]}, ["1", "2", "3"]),
        ({"enum": ["a", None, True]}, ["a"]),
        ({"anyOf": [STATE, {"type": "null"}]}, ["open", "done"]),
        ({"oneOf": [{"const": "p", "title": "P"}, {"const": "q"}]}, ["p", "q"]),
        ({"type": "string"}, []),
    ],
)
async def test_the_values_that_a_schema_names_are_offered_however_it_names_them(
    tmp_path: Path, schema: Any, values: list[str]
) -> None:
    parameter = {"name": "state", "in": "query", "schema": schema}
    document = {
        "openapi": "3.1.0",
        "paths": {"/tasks": {"get": {"operationId": "list", "parameters": [parameter]}}},
        "components": {"schemas": {"State": STATE}},
    }
    (tmp_path / "openapi.json").write_bytes(orjson.dumps(document))
    manifest = tmp_path / "tools.yaml"
    manifest.write_text(
        "version: 1\nname: Tracker\nopenapi: openapi.json\ntools: {list_tasks: {operation: list}}\n"
        'prompts: {plan: {arguments: {state: {}}, tools: [list_tasks], text: "{{state}}"}}\n'
    )
    async with a_world(tmp_path, manifest=manifest) as world:
        found = await complete(world, "new", PROMPT, "state")

    assert found == {"values": values, "total": len(values), "hasMore": False}


LISTED = '{complete: {tool: list_projects, values: "items[].id"}}'


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        (LISTED, LISTED.replace(".id", ".code"), r"list_projects redacts items\[\]\.code"),
        ("redact: [", "fields: [name], redact: [", r"items\[\]\.id is not in `shape\.fields`"),
        (
            LISTED,
            f"{{values: [a], {LISTED[1:]}",
            r"project\.complete: `values` are listed; keep one",
        ),
        (
            'tool: get_board\n    uri: "tracker://boards/{project}/{view}"',
            "text: Boards",
            r"board\.complete: only a resource with a `tool` has arguments",
        ),
    ],
)
def test_a_completion_that_would_offer_nothing_is_refused(
    tmp_path: Path, before: str, after: str, problem: str
) -> None:
    assert before in MANIFEST
    with pytest.raises(ManifestError, match=problem):
        load_catalogue(write(tmp_path, MANIFEST.replace(before, after, 1)))


@ERAS
async def test_nobody_is_asked_while_they_type_a395(tmp_path: Path, era: str) -> None:
    """A call that needs the person's linked account completes nothing, and opens no page."""
    manifest = write(tmp_path)
    document = {**DOCUMENT, "security": [{"own": []}]}
    document["components"] = {"securitySchemes": {"own": {"type": "http", "scheme": "bearer"}}}
    (tmp_path / "openapi.json").write_bytes(orjson.dumps(document))
    credential = {"own": {"mode": "linked_account", "provider": "tracker"}}
    async with a_world(tmp_path, manifest=manifest, upstream_credentials=credential) as world:
        url = "https://auth.example/account/link"
        world.links.answers = [LinkedTokenAnswer(state="missing", title="Tracker", url=url)] * 2
        can: dict[str, Any] = {"elicitation": {"url": {}}}
        params: dict[str, Any] = {"ref": PROMPT, "argument": {"name": "project", "value": ""}}
        headers: dict[str, str] = {}
        if era == "new":
            params["_meta"] = {"io.modelcontextprotocol/clientCapabilities": can}
        else:
            headers = await initialize(world, can)
        async with talking(world, era, "completion/complete", params, headers=headers) as talk:
            said = await talk.message()

    assert said["result"]["completion"]["values"] == []
    [record] = [one for one in world.records if one["tool"] == "list_projects"]
    assert (record["reason"], record["era"]) == (
        "not_linked",
        "handshake" if era == "old" else "modern",
    )


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
