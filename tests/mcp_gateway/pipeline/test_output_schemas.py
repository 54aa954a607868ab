"""Tools that publish the schema of their answers, over HTTP: every answer is delivered, and matches it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from structlog.testing import capture_logs

from mcp_gateway.catalogue.catalogue import fingerprint
from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.results.content import CompiledShape, shape_answer
from support.in_process.gateway import World, a_world

OPENAPI = """
openapi: 3.0.3
info: {title: Tasks, version: "1"}
paths:
  /tasks/1:
    get: {operationId: getTask, responses: {"200": {$ref: "#/components/responses/Task"}}}
  /tasks:
    get:
      operationId: listTasks
      parameters:
        - {name: offset, in: query, schema: {type: integer}}
        - {name: limit, in: query, schema: {type: integer, maximum: 50}}
      responses:
        "200":
          description: Tasks
          content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Task"}}}}
  /either:
    get:
      operationId: getEither
      responses:
        "200": {description: "", content: {application/json: {schema: {oneOf: [{type: array}, {type: object}]}}}}
  /file:
    get: {operationId: getFile, responses: {"200": {description: A file}}}
components:
  responses:
    Task:
      description: A task
      content: {application/json: {schema: {$ref: "#/components/schemas/Task"}}}
  schemas:
    Base:
      type: object
      required: [id, secret]
      properties:
        id: {type: integer, readOnly: true, description: "The id. It never changes."}
        secret: {type: string, writeOnly: true}
    Task:
      allOf:
        - $ref: "#/components/schemas/Base"
        - type: object
          required: [state]
          additionalProperties: false
          properties:
            state: {type: string, enum: [open, done], maxLength: 4}
            due: {type: string, format: date, nullable: true}
            owner: {anyOf: [{type: string}, {$ref: "#/components/schemas/Person"}]}
            parts: {type: array, items: {$ref: "#/components/schemas/Task"}}
    Person:
      type: object
      properties: {name: {type: string}, phone: {type: string}}
"""
HEAD = "version: 1\nname: Tracker\nopenapi: openapi.yaml\ntools:\n"
TOOLS = """
  get_task: {operation: getTask, output: publish}
  list_tasks: {operation: listTasks, output: publish}
  get_owner:
    operation: getTask
    output: publish
    shape: {fields: [id, owner], redact: [owner.phone], most_bytes: 1024}
  get_plainly: {operation: getTask}
  list_owners:
    operation: listTasks
    output: publish
    shape: {fields: ["[].owner"]}
"""
TASK = {"id": 1, "state": "open", "due": None, "owner": {"name": "Ada"}, "new": [1]}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    (tmp_path / "openapi.yaml").write_text(OPENAPI)
    (tmp_path / "tools.yaml").write_text(HEAD + TOOLS)
    async with a_world(tmp_path, manifest=tmp_path / "tools.yaml") as opened:
        yield opened


def answer(world: World, body: Any, kind: str = "application/json", status: int = 200) -> None:
    """Set the API's answer."""
    written = body if isinstance(body, bytes) else orjson.dumps(body)
    world.api.answer = lambda _: HttpResponse(status, kind, written)


async def list_schemas(world: World) -> dict[str, Any]:
    listed = (await world.new("tools/list")).json()["result"]["tools"]
    return {tool["name"]: tool.get("outputSchema") for tool in listed}


async def test_a_client_reads_the_members_and_types_of_an_answer_and_nothing_closed(
    world: World,
) -> None:
    schemas = await list_schemas(world)
    assert schemas["get_plainly"] is None
    task = schemas["get_task"]
    members = task["properties"]
    unexpected = {"description": "The answer instead, if it has another form."}
    assert (task["type"], members["unexpected"]) == ("object", unexpected)
    assert task["anyOf"] == [{"required": ["id", "state"]}, {"required": ["unexpected"]}]
    assert members["id"] == {"type": "integer", "description": "The id"}
    assert members["state"] == {"type": "string", "examples": ["open", "done"]}
    assert members["due"] == {"type": ["null", "string"]}
    assert members["owner"] == {"type": ["string", "object"]}
    assert members["parts"]["items"]["$ref"].removeprefix("#/$defs/") in task["$defs"]
    assert members.keys() == {"unexpected", "id", "state", "due", "owner", "parts"}
    owner = schemas["get_owner"]["properties"]
    assert owner.keys() == {"unexpected", "id", "owner"}
    owners = schemas["list_owners"]["properties"]["result"]["items"]
    assert owners["properties"].keys() == {"owner"}
    listed = schemas["list_tasks"]
    assert listed["properties"].keys() == {"nextCursor", "unexpected", "result"}
    assert listed["properties"]["result"]["type"] == "array"


@pytest.mark.parametrize("era", ["old", "new"])
@pytest.mark.parametrize(
    ("tool", "body"),
    [("get_task", TASK), ("get_task", {**TASK, "state": "a new state"}), ("get_owner", TASK)],
)
async def test_an_answer_that_matches_arrives_as_it_is(
    world: World, era: str, tool: str, body: Any
) -> None:
    answer(world, body)
    result = await world.call(era, tool)
    assert result["structuredContent"] == orjson.loads(result["content"][0]["text"])
    assert result["structuredContent"]["id"] == 1


async def test_a_long_answer_that_matches_is_structured_content_too(world: World) -> None:
    body = [{**TASK, "note": "x" * 1000}] * 40
    answer(world, body)
    result = await world.call("new", "list_tasks")
    assert result["structuredContent"] == {"result": body}


@pytest.mark.parametrize(
    ("kind", "body", "unexpected"),
    [
        ("application/json", b'{"state":"open"}', {"state": "open"}),
        ("application/json", b'{"id":"1","state":"open"}', {"id": "1", "state": "open"}),
        ("application/json", b'[{"id":1}]', {"result": [{"id": 1}]}),
        ("application/json", b"null", {"result": None}),
        ("application/json", b'{"id":1,"state":"open","unexpected":2}', ...),
        ("application/json", b"{broken", "{broken"),
        ("text/html", b"<p>Maintenance</p>", "<p>Maintenance</p>"),
        ("image/png", b"\x89PNG", None),
        ("application/json", b"", "Done. The API answered 200 without content."),
    ],
)
async def test_an_answer_that_deviates_is_delivered_in_the_member_for_it(
    world: World, kind: str, body: bytes, unexpected: Any
) -> None:
    answer(world, body, kind)
    with_schema = await world.call("new", "get_task")
    plain = await world.call("new", "get_plainly")
    wanted = orjson.loads(body) if unexpected is ... else unexpected
    assert with_schema["structuredContent"] == {"unexpected": wanted}
    assert not with_schema["isError"]
    if kind != "image/png":  # whose name holds the tool's
        assert with_schema["content"] == plain["content"]


async def test_an_error_has_no_structured_content(world: World) -> None:
    answer(world, {"message": "gone"}, status=410)
    result = await world.call("new", "get_task")
    assert result["isError"] and "structuredContent" not in result


async def test_a_redacted_field_is_not_in_an_answer_that_deviates_or_is_cut_a375(
    world: World,
) -> None:
    for owner in ({"name": 7, "phone": "555-0100"}, ["555-0100"], {"phone": ["555-0100"]}):
        for note in ("", "x" * 5000):
            answer(world, {"id": "not a number", "owner": owner, "secret": note or "555-0100"})
            result = await world.call("new", "get_owner")
            assert result["structuredContent"].keys() == {"unexpected"}
            assert "555-0100" not in str(result)
    answer(world, {"id": 1, "state": "open", "owner": {"name": "Ada" * 900, "phone": "555-0100"}})
    cut = await world.call("new", "get_owner")
    assert cut["structuredContent"].keys() == {"unexpected"}
    assert "gatepost/truncated" in cut["_meta"] and "555-0100" not in str(cut)


async def test_operators_learn_once_where_answers_deviate_without_a_value(world: World) -> None:
    answer(world, {**TASK, "parts": [{"id": "of a customer", "state": "open"}]})
    with capture_logs() as logs:
        await world.call("new", "get_task")
        await world.call("new", "get_task")
    told = [entry for entry in logs if entry["event"] == "output_deviates"]
    assert [(one["tool"], one["place"]) for one in told] == [("get_task", "parts[].id")]
    assert "of a customer" not in str(told)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["id", "state", "owner", "parts", "unexpected", "x"]), inner
        )
    ),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("output")
    (folder / "openapi.yaml").write_text(OPENAPI)
    (folder / "tools.yaml").write_text(HEAD + TOOLS)
    return load_catalogue(folder / "tools.yaml").tools


@given(name=st.sampled_from(["get_task", "list_tasks"]), body=JSON)
@settings(max_examples=200, deadline=None)
def test_whatever_an_api_answers_is_delivered_and_matches_the_schema(
    tools: Any, name: str, body: Any
) -> None:
    output = tools[name].output
    written = json.dumps(body).encode()
    response = HttpResponse(200, "application/json", written)
    shaped = shape_answer(response, CompiledShape(for_app=True), name="x")
    structured, place = output.deliver(shaped)
    told = orjson.loads(orjson.dumps(structured))
    Draft202012Validator(output.schema).validate(told)
    whole = told if place is None else told["unexpected"]
    plain = orjson.loads(shaped.content[0]["text"])
    assert whole == (plain if isinstance(plain, dict) else {"result": plain})


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{operation: getEither, output: publish}", "does not say whether its answer is an object"),
        ("{operation: getFile, output: publish}", "has no schema of a successful JSON answer"),
        ("{operation: getTask, output: publish, app: card}", "can't be published beside `app`"),
        ("{operation: getTask, output: always}", "must be publish, or left out"),
    ],
)
def test_a_schema_that_cannot_be_published_is_refused(
    tmp_path: Path, entry: str, problem: str
) -> None:
    (tmp_path / "openapi.yaml").write_text(OPENAPI)
    (tmp_path / "tools.yaml").write_text(f"{HEAD}  one: {entry}\n")
    with pytest.raises(ManifestError, match=problem):
        load_catalogue(tmp_path / "tools.yaml")


def test_a_lock_tells_that_the_published_schema_changed(tools: Any, tmp_path: Path) -> None:
    (tmp_path / "openapi.yaml").write_text(
        OPENAPI.replace("due: {type: string", "due: {type: integer")
    )
    (tmp_path / "tools.yaml").write_text(HEAD + TOOLS)
    changed = load_catalogue(tmp_path / "tools.yaml").tools
    differs = {name for name in tools if fingerprint(tools[name]) != fingerprint(changed[name])}
    assert differs == {"get_task", "list_tasks"}
