"""Arguments of any size, depth or form don't hold up the calls of others."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from support.in_process.gateway import World, a_world
from support.in_process.loop_steps import watched_steps

OPENAPI = """
openapi: 3.1.0
info: {title: Things, version: "1"}
paths:
  /things:
    post:
      operationId: createThing
      summary: Create a thing
      requestBody:
        content:
          application/json:
            schema:
              type: object
              properties:
                tags: {type: array, items: {type: string}}
                counts: {type: array, items: {type: integer}}
                text: {anyOf: [{type: integer}, {type: boolean}, {type: array}]}
                tree: {$ref: "#/components/schemas/Node"}
      responses: {"200": {description: Done}}
    get:
      operationId: listThings
      summary: List things
      parameters:
        - {name: ids, in: query, schema: {type: array, items: {type: string}}}
        - {name: query, in: query, schema: {type: string}}
      responses: {"200": {description: Things}}
  /notes:
    post:
      operationId: createNote
      summary: Create a note
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema:
              type: object
              properties:
                text: {type: string}
                tags: {type: array, items: {type: string}}
      responses: {"200": {description: Done}}
components:
  schemas:
    Node:
      anyOf:
        - type: object
          required: [left]
          properties: {left: {$ref: "#/components/schemas/Node"}}
        - type: object
          required: [left, right]
          properties: {left: {$ref: "#/components/schemas/Node"}, right: {type: string}}
"""
MANIFEST = """
version: 1
name: Things
openapi: openapi.yaml
tools:
  create_note: {operation: createNote}
  create_thing: {operation: createThing}
  list_things: {operation: listThings}
"""
TREE: Any = "leaf"
for _ in range(60):
    TREE = {"left": TREE, "right": "x"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    (tmp_path / "openapi.yaml").write_text(OPENAPI)
    (tmp_path / "tools.yaml").write_text(MANIFEST)
    async with a_world(tmp_path, manifest=tmp_path / "tools.yaml") as opened:
        yield opened


@pytest.mark.parametrize("era", ["old", "new"])
@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("create_thing", {"tags": [1] * 500_000}, "tags: the call holds more than 10,000 values"),
        ("create_thing", {"tags": [1] * 9_000}, "tags[0]: must be a string"),
        ("create_thing", {"tags": ["a"] * 9_000 + [1]}, "tags[9000]: must be a string"),
        ("create_thing", {"counts": "[" + "[]," * 300_000 + "1]"}, "counts: must be an array"),
        ("create_thing", {"text": "x" * 1_000_000}, "text: fits none of the allowed forms"),
        ("create_thing", {"tree": TREE}, "tree: fits none of the allowed forms"),
        ("create_thing", {f"n{n}": n for n in range(9_000)}, "n0: unknown argument"),
        ("create_thing", {"n" * 1_000_000: 1}, "is not valid"),
        ("list_things", {"ids": ["x"] * 9_000}, "ids holds more than 2,000 values"),
        ("list_things", {"query": "é" * 400_000}, "query is longer than 16,384 characters"),
        ("create_note", {"text": "é" * 400_000}, "text is longer than 65,536 characters"),
        ("create_note", {"tags": ["é"] * 1_900}, "tags makes the form longer"),
    ],
)
async def test_a_call_that_would_take_long_is_refused_with_the_argument_and_the_limit(
    world: World, era: str, tool: str, arguments: dict[str, Any], said: str
) -> None:
    if tool == "create_note" and "tags" in arguments:
        arguments = {"text": "x" * 60_000, **arguments}
    with watched_steps() as steps:
        result = await world.call(era, tool, arguments)
    assert (result["isError"], steps.bounded, world.api.requests) == (True, True, [])
    assert said in result["content"][0]["text"]


async def test_many_numbers_given_as_texts_still_arrive_as_numbers(world: World) -> None:
    with watched_steps() as steps:
        await world.call("new", "create_thing", {"counts": ["1"] * 9_000})
    assert steps.bounded
    assert orjson.loads(world.api.requests[-1].body) == {"counts": [1] * 9_000}


async def test_a_message_of_very_many_lists_is_refused_before_it_is_read(world: World) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":[' + b"[]," * 300_000 + b"[]]}}"
    answer = await world.post(body, headers={"mcp-protocol-version": "2025-11-25"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        400,
        "The body holds more than 100,000 lists and objects",
    )


async def test_brackets_within_texts_do_not_count(world: World) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a": '[\\"{' * 100_000}}
    answer = await world.post(body, headers={"mcp-protocol-version": "2025-11-25"})
    assert answer.json() == {"jsonrpc": "2.0", "id": 1, "result": {}}


async def test_a_very_long_token_is_refused_by_its_length(world: World) -> None:
    answer = await world.post({}, token="x" * 50_000)
    assert 'error_description="the token is too long"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("dashes", [1_000_000, 8_000])
async def test_a_uri_of_any_length_is_answered_soon(tmp_path: Path, dashes: int) -> None:
    (tmp_path / "openapi.yaml").write_text(OPENAPI)
    template = 'resources: {thing: {uri: "things://{ids}-{query}-{ids}", tool: list_things}}'
    (tmp_path / "tools.yaml").write_text(f"{MANIFEST}{template}\n")
    async with a_world(tmp_path, manifest=tmp_path / "tools.yaml") as world:
        with watched_steps() as steps:
            answer = await world.old("resources/read", {"uri": f"things://{'-' * dashes}/"})
    assert ("error" in answer.json(), steps.bounded) == (True, True)


async def test_arguments_for_a_searched_tool_are_not_walked_through(tmp_path: Path) -> None:
    (tmp_path / "openapi.yaml").write_text(OPENAPI)
    (tmp_path / "tools.yaml").write_text(MANIFEST.replace("tools:", "search_above: 1\ntools:"))
    given = {"name": "create_thing", "arguments": {"tags": [1] * 500_000}}
    async with a_world(tmp_path, manifest=tmp_path / "tools.yaml") as world:
        with watched_steps() as steps:
            result = await world.call("new", "execute_tool", given)
    assert "more than 10,000 values" in result["content"][0]["text"]
    assert steps.bounded
