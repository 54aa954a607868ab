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
from mcp_gateway.documents.references import References
from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.results.content import CompiledShape, shape_answer
from mcp_gateway.results.output import Output
from mcp_gateway.schemas.answers import AnswerSchemas, Kept
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
            after: {$ref: "#/components/schemas/Task", nullable: true}
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


DEEP = b'{"id":1,"state":"open","after":' * 180 + b"null" + b"}" * 180


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
    assert members["owner"] == {"type": ["null", "string", "object"]}
    assert members["parts"]["items"] == {"$ref": "#/$defs/Task"}
    assert members["after"] == {"anyOf": [{"$ref": "#/$defs/Task"}, {"type": "null"}]}
    assert task["$defs"].keys() == {"Task"}
    assert members.keys() == {"unexpected", "id", "state", "due", "owner", "parts", "after"}
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
    [
        ("get_task", TASK),
        ("get_task", {**TASK, "state": "a new state"}),
        ("get_task", {**TASK, "parts": None, "owner": None, "after": None}),
        ("get_task", {**TASK, "after": {**TASK, "after": {"id": 1.0, "state": "open"}}}),
        ("get_owner", TASK),
        ("get_owner", {**TASK, "owner": None}),
    ],
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
        ("application/json", b'{"id":1,"state":null}', {"id": 1, "state": None}),
        ("application/json", DEEP, DEEP.decode()),
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
    said = [(one["tool"], one["place"], one["what"]) for one in told]
    assert said == [("get_task", "parts[].id", "is string, not integer")]
    assert "of a customer" not in str(told)
    world.clock.advance(hours=1)
    with capture_logs() as logs:
        await world.call("new", "get_task")
    assert [one["place"] for one in logs if one["event"] == "output_deviates"] == ["parts[].id"]


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
    structured, deviations = output.deliver(shaped)
    told = orjson.loads(orjson.dumps(structured))
    Draft202012Validator(output.schema).validate(told)
    whole = told["unexpected"] if deviations else told
    plain = orjson.loads(shaped.content[0]["text"])
    assert deviations is None or list(deviations)
    assert whole == (plain if isinstance(plain, dict) else {"result": plain})


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({**TASK, "after": {**TASK, "after": {"id": 1}}}, "after.after.state"),
        ({**TASK, "parts": [TASK, {**TASK, "owner": 7}]}, "parts[].owner"),
        ({**TASK, "after": 7}, "after"),
        ({"state": "open"}, "id"),
        ([TASK], "(root)"),
        ({**TASK, "unexpected": 1}, "(root)"),
    ],
)
async def test_operators_learn_which_member_deviates(world: World, body: Any, place: str) -> None:
    answer(world, body)
    with capture_logs() as logs:
        await world.call("new", "get_task")
    assert [one["place"] for one in logs if one["event"] == "output_deviates"] == [place]


def write(
    folder: Path, schema: Any, components: Any, *, entry: str = "", responses: Any = None
) -> Path:
    """Write a manifest with one tool, `read`, whose answer has a schema."""
    content = {"application/json": {"schema": schema}}
    responses = {"200": {"description": "", "content": content}} | (responses or {})
    document = {
        "openapi": "3.0.3",
        "info": {"title": "Answers", "version": "1"},
        "paths": {"/it": {"get": {"operationId": "read", "responses": responses}}},
        "components": {"schemas": components},
    }
    (folder / "openapi.json").write_text(json.dumps(document))
    head = HEAD.replace("openapi.yaml", "openapi.json")
    (folder / "tools.yaml").write_text(
        f"{head}  read: {{operation: read, output: publish{entry}}}\n"
    )
    return folder / "tools.yaml"


def an_object(**members: Any) -> dict[str, Any]:
    return {"type": "object", "properties": members}


def refer(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


@pytest.mark.parametrize(
    "inside",
    [
        {"allOf": [refer("Node")], "nullable": True},
        {"anyOf": [refer("Node"), {"type": "null"}]},
        {"oneOf": [{"enum": [None]}, refer("Node")]},
        {"allOf": [refer("Node"), an_object(more={"type": "string"})]},
        {"type": "array", "items": {"allOf": [refer("Node"), {"required": ["id"]}]}},
        {"allOf": [{"allOf": [refer("Node")]}], "description": "The one before."},
    ],
)
def test_a_schema_that_holds_itself_in_any_form_can_be_published_a373(
    tmp_path: Path, inside: Any
) -> None:
    node = an_object(id={"type": "integer"}, inside=inside)
    tool = load_catalogue(write(tmp_path, refer("Node"), {"Node": node})).tools["read"]
    assert tool.output is not None
    content: Any = {"id": "no number"}
    for _ in range(3):
        content = {"id": 1, "inside": [content] if "items" in inside else content}
    shaped = shape_answer(
        HttpResponse(200, "application/json", json.dumps(content).encode()), name="x"
    )
    deviation = next(tool.output.deliver(shaped)[1] or iter(()))
    assert deviation.place.replace("[]", "") == "inside.inside.inside.id"


def test_schemas_that_repeat_each_other_are_published_in_time_a373(tmp_path: Path) -> None:
    components = {
        f"Level{n}": an_object(
            one={"allOf": [refer(f"Level{n + 1}"), {"description": "One."}]},
            two={"anyOf": [refer(f"Level{n + 1}"), {"type": "null"}]},
            three={"allOf": [refer(f"Level{n + 1}")], "nullable": True},
        )
        for n in range(60)  # 3^60 forms, if each were written out
    }
    components["Level60"] = an_object(id={"type": "integer"})
    tool = load_catalogue(write(tmp_path, refer("Level0"), components)).tools["read"]
    assert tool.output is not None and len(json.dumps(tool.output.schema)) < 40_000


@pytest.mark.parametrize("body", [[{"id": 1}], "text", 7, None, True])
async def test_an_answer_of_another_form_never_passes_for_one_that_matches_a374(
    tmp_path: Path, body: Any
) -> None:
    manifest = write(tmp_path, an_object(id={"type": "integer"}, result={}), {})
    async with a_world(tmp_path, manifest=manifest) as world:
        answer(world, body)
        result = await world.call("new", "read")
    assert result["structuredContent"] == {"unexpected": {"result": body}}


async def test_null_arrives_as_null_where_the_document_allows_it_for_the_whole(
    tmp_path: Path,
) -> None:
    task = {**an_object(id={"type": "integer"}), "required": ["id"], "nullable": True}
    async with a_world(tmp_path, manifest=write(tmp_path, task, {})) as world:
        for body, content in (
            (None, {"result": None}),
            ({"id": 1}, {"id": 1}),
            ({}, {"unexpected": {}}),
            ([], {"unexpected": {"result": []}}),
        ):
            answer(world, body)
            result = await world.call("new", "read")
            assert result["structuredContent"] == content


async def test_an_object_in_place_of_a_list_is_unexpected_even_if_it_has_a_result(
    world: World,
) -> None:
    answer(world, {"result": []})
    result = await world.call("new", "list_tasks")
    assert result["structuredContent"] == {"unexpected": {"result": []}}


async def test_an_empty_answer_that_the_document_declares_alarms_nobody(tmp_path: Path) -> None:
    empty = {"204": {"description": "Nothing new"}}
    manifest = write(tmp_path, an_object(id={"type": "integer"}), {}, responses=empty)
    async with a_world(tmp_path, manifest=manifest) as world:
        with capture_logs() as logs:
            answer(world, b"", status=204)
            result = await world.call("new", "read")
            assert result["structuredContent"].keys() == {"unexpected"}
            assert not [one for one in logs if one["event"] == "output_deviates"]
            answer(world, b"")  # while 200 has content
            await world.call("new", "read")
            assert [one for one in logs if one["event"] == "output_deviates"]


async def test_a_member_that_the_fields_may_empty_is_not_required(tmp_path: Path) -> None:
    owner = {**an_object(name={"type": "string"}), "nullable": True}
    parts = {"type": "array", "items": an_object(id={"type": "integer"}, note={})}
    schema = {**an_object(owner=owner, parts=parts), "required": ["owner", "parts"]}
    manifest = write(tmp_path, schema, {}, entry=", shape: {fields: [owner.name, 'parts[].id']}")
    async with a_world(tmp_path, manifest=manifest) as world:
        answer(world, {"owner": None, "parts": [{"id": 1, "note": "x"}, {}]})
        result = await world.call("new", "read")
        listed = (await list_schemas(world))["read"]
    assert result["structuredContent"] == {"parts": [{"id": 1}, {}]}
    assert listed["anyOf"][0] == {"required": ["parts"]}


async def test_a_deep_answer_is_text_alone_so_that_every_client_can_read_it(world: World) -> None:
    for body, is_read in ((b"[" * 140 + b"]" * 140, True), (DEEP, False), (b'["[[["]', True)):
        answer(world, body)
        result = await world.call("old", "get_plainly")
        assert ("structuredContent" in result) is is_read
        assert result["content"][0]["text"] == body.decode()
    brackets = json.dumps({"text": "[{" * 400})
    answer(world, brackets.encode())
    assert "structuredContent" in await world.call("old", "get_plainly")


@st.composite
def kept_promises(draw: st.DrawFn) -> tuple[Any, dict[str, Any], Any]:
    """Draw the schema of an object, its components, and a value that matches."""
    components: dict[str, Any] = {}

    def leaf() -> tuple[Any, Any]:
        pairs: tuple[tuple[Any, Any], ...] = (
            ({"type": "string", "format": "date"}, "soon"),
            ({"type": "integer", "enum": [1]}, draw(st.sampled_from([1, 1.0, 2]))),
            ({"type": "number", "maximum": 3}, 2.5),
            ({"type": ["string", "null"]}, None),
            ({"enum": ["a", None]}, None),
            ({}, [1]),
        )
        drawn: tuple[Any, Any] = draw(st.sampled_from(pairs))
        return drawn

    def an_object_of(depth: int) -> tuple[Any, Any]:
        names = draw(st.lists(st.sampled_from(["id", "x", "valueOf", "$ref", "type"]), unique=True))
        members = {name: form(depth + 1) for name in names}
        required = [name for name in names if draw(st.booleans())]
        value = {n: v for n, (_, v) in members.items() if n in required or draw(st.booleans())}
        nulls = {n: None for n in value if n not in required and draw(st.booleans())}
        schema = an_object(**{name: one for name, (one, _) in members.items()})
        return {**schema, "required": required}, {**value, **nulls, "new": 1}

    def form(depth: int) -> tuple[Any, Any]:
        kind = draw(st.sampled_from(["leaf", "object", "list", "ref", "null", "all", "one"]))
        if depth > 3 or kind == "leaf":
            return leaf()
        if kind == "object":
            return an_object_of(depth)
        schema, value = form(depth + 1)
        if kind == "list":
            return {"type": "array", "items": schema}, [value] * draw(st.integers(0, 2))
        if kind == "ref":
            name = f"C{len(components)}"
            components[name] = schema
            return refer(name), value
        if kind == "null":
            wrapped = {"anyOf": [schema, {"type": "null"}]}
            return wrapped, value if draw(st.booleans()) else None
        if kind == "all":
            return {"allOf": [schema, {"description": "Said."}]}, value
        return {"oneOf": [schema]}, value

    schema, value = an_object_of(0)
    return schema, components, value


@given(drawn=kept_promises())
@settings(max_examples=200, deadline=None)
def test_an_answer_that_keeps_its_document_is_never_unexpected(
    drawn: tuple[Any, dict[str, Any], Any],
) -> None:
    schema, components, value = drawn
    answers = AnswerSchemas(References({"components": {"schemas": components}}), each="[]")
    published, name, kinds = answers.publish(schema, Kept(), paged=False)
    output = Output.of(published, name, frozenset(kinds))
    response = HttpResponse(200, "application/json", json.dumps(value).encode())
    structured, deviations = output.deliver(
        shape_answer(response, CompiledShape(for_app=True), name="x")
    )
    assert deviations is None
    assert orjson.loads(orjson.dumps(structured)) == value


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
