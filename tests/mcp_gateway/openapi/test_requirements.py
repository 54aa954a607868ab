"""The requirements on the importer and the serialiser for any document.

Each is shown once, from a document to the request; the details are tested beside the modules.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from gatepost import document as reading
from gatepost.document import DocumentError, parse_document
from mcp_gateway.catalogue.coercion import coerce_arguments
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.manifest.entries import ManifestError, ToolEntry
from mcp_gateway.manifest.make_tool import make_tool
from mcp_gateway.openapi.argument_builder import Unimportable
from mcp_gateway.openapi.arguments import import_operation
from mcp_gateway.openapi.document import load_openapi
from mcp_gateway.requests.serialise import UnserialisableArgument, serialise
from mcp_gateway.schemas.convert import Schemas
from support.in_process.documents import MakeTool, ReadDocument

TEXT = {"type": "string"}
BASE = "https://api.example.com"


def param(name: str, where: str = "query", **more: Any) -> dict[str, Any]:
    required = {"required": True} if where == "path" else {}
    return {"name": name, "in": where, "schema": TEXT, **required, **more}


def json_body(schema: Any) -> dict[str, Any]:
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def test_r1_a_header_of_the_service_is_never_an_argument(tool_of: MakeTool) -> None:
    names = ["Authorization", "Host", "Cookie", "Content-Length", "X-Forwarded-For", "X-Tenant-Id"]
    tool = tool_of({"parameters": [param(name, "header") for name in [*names, "X-Colour"]]})
    assert list(tool.input_schema["properties"]) == ["X-Colour"]


def test_r2_a_near_miss_is_coerced_and_other_errors_are_refused(tool_of: MakeTool) -> None:
    tool = tool_of({"parameters": [param("n", schema={"type": "integer"}, required=True)]})
    assert coerce_arguments(tool.input_schema, {"n": "5"}) == {"n": 5}
    assert not tool.validate({"n": 5})
    for wrong in ({"n": "five"}, {}, {"n": 5, "m": 1}):
        assert tool.validate(coerce_arguments(tool.input_schema, wrong))


@pytest.mark.parametrize("value", ["", ".", "..", "%2e%2e", "a/../b"])
def test_r3_a_path_value_names_no_other_path(tool_of: MakeTool, value: str) -> None:
    tool = tool_of({"parameters": [param("id", "path")]}, "DELETE /users/{id}")
    assert serialise(tool.operation, BASE, {"id": "a?b#c %"}).url == f"{BASE}/users/a%3Fb%23c%20%25"
    with pytest.raises(UnserialisableArgument):
        serialise(tool.operation, BASE, {"id": value})


CONTENTS = "GET /repos/{repo}/contents/{path}"
IN_PATH = {"parameters": [param("repo", "path"), param("path", "path")]}


def test_r3_a_path_value_may_hold_slashes_where_the_manifest_says_so(tool_of: MakeTool) -> None:
    tool = tool_of(IN_PATH, CONTENTS, slashes=("path",))
    request = serialise(tool.operation, BASE, {"repo": "r", "path": "docs/a b?.md"})
    assert request.url == f"{BASE}/repos/r/contents/docs/a%20b%3F.md"
    for value in ("", "/", "/etc", "docs/", "a//b", "a/../b", ".", "a/%2e%2e/b", "a%2Fb", "a\\b"):
        with pytest.raises(UnserialisableArgument):
            serialise(tool.operation, BASE, {"repo": "r", "path": value})
    with pytest.raises(UnserialisableArgument):
        serialise(tool.operation, BASE, {"repo": "r/x", "path": "a"})


@pytest.mark.parametrize(
    ("other", "slashes", "problem"),
    [
        ("/x", "repo", "the path continues after it"),
        ("/x", "branch", "is not a plain argument"),
        ("/repos/{repo}/contents/{file}/history", "path", "could reach GET /repos/{repo}/contents"),
        ("/repos/{name}/contents/latest/size", "path", "could reach GET /repos/{name}/contents"),
    ],
)
def test_r3_slashes_that_could_lead_to_another_operation_are_refused(
    read: ReadDocument, other: str, slashes: str, problem: str
) -> None:
    names = [name.partition("}")[0] for name in other.split("{")[1:]]
    document = read(
        {
            CONTENTS.partition(" ")[2]: {"get": IN_PATH},
            other: {"get": {"parameters": [param(name, "path") for name in names]}},
        }
    )
    with pytest.raises(ManifestError, match=re.escape(problem)):
        make_tool(ToolEntry("t", CONTENTS, slashes=(slashes,)), document)


def test_r4_no_line_break_and_no_second_cookie_gets_through(tool_of: MakeTool) -> None:
    tool = tool_of({"parameters": [param("X-A", "header"), param("sid", "cookie")]})
    for values in ({"X-A": "a\r\nX-B: 1"}, {"sid": "a; admin=1"}, {"X-A": "a\0"}):
        with pytest.raises(UnserialisableArgument):
            serialise(tool.operation, BASE, values)


def test_r5_no_argument_changes_the_host(read: ReadDocument) -> None:
    document = read(
        {"/x": {"get": {"parameters": [param("host")]}}},
        servers=[{"url": "https://{host}/", "variables": {"host": {"default": "evil.test"}}}],
    )
    tool = make_tool(ToolEntry("t", "GET /x"), document)
    assert serialise(tool.operation, BASE, {"host": "evil.test"}).url == f"{BASE}/x?host=evil.test"


def test_r8_a_parameter_with_content_is_json_and_a_flag_is_lower_case(tool_of: MakeTool) -> None:
    content = {"name": "f", "in": "query", "content": {"application/json": {"schema": obj(a={})}}}
    flag = param("on", schema={"type": "boolean"})
    tool = tool_of({"parameters": [content, flag]}, "GET /x")
    url = serialise(tool.operation, BASE, {"f": {"a": [1]}, "on": True}).url
    assert url == f"{BASE}/x?f=%7B%22a%22%3A%5B1%5D%7D&on=true"


def test_r9_properties_that_a_body_leaves_open_can_be_given(tool_of: MakeTool) -> None:
    tool = tool_of(json_body({**obj(name=TEXT), "additionalProperties": {"type": "integer"}}))
    values = {"name": "a", "additional_properties": {"b": 1}}
    assert not tool.validate(values)
    assert tool.validate({"additional_properties": {"b": "text"}})
    assert serialise(tool.operation, BASE, values).body == b'{"name":"a","b":1}'


NAMESAKES = [
    *("name", "NAME", "name[]", " name", "na.me", "na me", "name.", "na_me", "[name]", "name[x"),
    *("na%6de", "na%256de", "\uff4eame", "nàme", "na-me", "name\0x", "na\0me", "na\u200bme"),
]
"""Keys that some server reads as `name`."""


@pytest.mark.parametrize("key", NAMESAKES)
def test_r9_a_free_query_cannot_replace_a_parameter(tool_of: MakeTool, key: str) -> None:
    free = param("free", schema={"type": "object", "additionalProperties": TEXT})
    tool = tool_of({"parameters": [free, param("name")]}, "GET /x")
    with pytest.raises(UnserialisableArgument, match="a separate argument"):
        serialise(tool.operation, BASE, {"free": {key: "x"}, "name": "y"})
    url = serialise(tool.operation, BASE, {"free": {"nam": "x", "surname": "z"}, "name": "y"}).url
    assert url == f"{BASE}/x?nam=x&surname=z&name=y"


@pytest.mark.parametrize("key", NAMESAKES)
def test_r9_additional_properties_cannot_replace_an_argument(tool_of: MakeTool, key: str) -> None:
    tool = tool_of(json_body({**obj(name=TEXT), "additionalProperties": True}))
    with pytest.raises(UnserialisableArgument, match="a separate argument"):
        serialise(tool.operation, BASE, {"additional_properties": {key: "x"}})


def test_r9_a_form_without_named_fields_takes_any(tool_of: MakeTool) -> None:
    schema = {"type": "object", "additionalProperties": TEXT}
    kind = "application/x-www-form-urlencoded"
    tool = tool_of({"requestBody": {"content": {kind: {"schema": schema}}}})
    request = serialise(tool.operation, BASE, {"additional_properties": {"a": "x", "b": "y"}})
    assert request.body == b"a=x&b=y"


def test_r9_xml_is_refused_by_name(read: ReadDocument) -> None:
    content = {"application/xml": {"schema": obj(a=TEXT)}}
    document = read({"/x": {"post": {"requestBody": {"content": content}}}})
    with pytest.raises(Unimportable, match="application/xml, which is not supported"):
        import_operation(document, document.operations[0])


def test_r10_a_literal_query_and_several_values_in_a_segment_stay(tool_of: MakeTool) -> None:
    tool = tool_of(
        {"parameters": [param("a", "path"), param("b", "path"), param("q")]},
        "GET /x/{a}...{b}.json/?beta=true",
    )
    url = serialise(tool.operation, BASE, {"a": "1", "b": "v1.0", "q": "y"}).url
    assert url == f"{BASE}/x/1...v1.0.json/?beta=true&q=y"


@pytest.mark.parametrize(
    ("root", "own", "hosts", "base"),
    [
        (["https://a.test/v1"], ["https://a.test/v1/"], [], None),
        (["https://a.test/v1"], ["https://b.test"], ["b.test"], "https://b.test"),
        (["https://a.test/v1"], ["/v2"], ["a.test"], "https://a.test/v2"),
        (["/"], ["https://b.test"], [], None),
        ([], ["https://b.test/x"], [], None),
        (["https://a.test"], ["https://b.test", "https://a.test"], [], None),
    ],
)
def test_r11_an_operation_goes_to_its_own_server_where_that_is_listed(
    read: ReadDocument, root: list[str], own: list[str], hosts: list[str], base: str | None
) -> None:
    servers = {"servers": [{"url": url} for url in own]}
    document = read({"/x": {"get": servers}}, servers=[{"url": url} for url in root])
    operation = import_operation(document, document.operations[0], hosts).operation
    assert operation.base_url == base
    assert serialise(operation, "http://u", {}).url == f"{base or 'http://u'}/x"


@pytest.mark.parametrize(
    "url", ["https://b.test", "/v2", "https://u@b.test", "ftp://b.test", "http://["]
)
def test_r11_a_server_that_is_not_listed_is_refused(read: ReadDocument, url: str) -> None:
    document = read(
        {"/x": {"servers": [{"url": url}], "get": {}}, "/y": {"get": {}}},
        servers=[{"url": "https://a.test"}],
    )
    with pytest.raises(Unimportable, match="its own server"):
        import_operation(document, document.operations[0], ["b.test:444"])


def test_r12_credentials_are_described_for_the_operator_and_never_arguments(
    read: ReadDocument,
) -> None:
    flow = {"tokenUrl": "https://a.test/token", "scopes": {"read": ""}}
    schemes = {
        "query": {"type": "apiKey", "in": "query", "name": "key"},
        "app": {"type": "oauth2", "flows": {"clientCredentials": flow}},
        "user": {"type": "http", "scheme": "Basic"},
    }
    document = read(
        {"/x": {"get": {"parameters": [param("key")]}, "put": {"security": []}}},
        components={"securitySchemes": schemes},
        security=[{"query": [], "user": []}, {"app": ["read"]}],
    )
    get, put = (import_operation(document, found) for found in document.operations)
    assert get.properties == {}
    assert get.operation.security == (("query", "user"), ("app",))
    assert put.operation.security == ()
    assert [str(credential) for credential in document.security_schemes.values()] == [
        "query: an API key in the query 'key'",
        "app: an OAuth token by client credentials from https://a.test/token",
        "user: Authorization: Basic",
    ]


def test_r13_the_query_method_of_3_2_is_served_and_other_methods_are_reported(
    read: ReadDocument,
) -> None:
    item = {"query": json_body(obj(q=TEXT)), "additionalOperations": {"LINK": {}}}
    document = read({"/x": item}, "3.2.0")
    tool = make_tool(ToolEntry("t", "QUERY /x"), document)
    request = serialise(tool.operation, BASE, {"q": "a"})
    assert (request.method, request.body) == ("QUERY", b'{"q":"a"}')
    assert document.unreadable == (
        ("LINK /x", "the method 'LINK' (additionalOperations) is not supported"),
    )


def test_r13_yaml_of_older_tools_is_read_and_oddities_are_noted(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(
        "openapi: 3.0.0\nx-p: &p {get: {operationId: a}, summary: old}\n"
        "paths:\n  /x:\n    <<: *p\n    summary: own\n  /y: {get: {}}\n  /y: {put: {}}\n"
    )
    document = load_openapi(file)
    assert [op.key for op in document.operations] == ["GET /x", "PUT /y"]
    assert document.operations[0].summary == "own"
    assert any("merge key" in note for note in document.notes)
    assert any("'/y' twice, line 8" in note for note in document.notes)
    with pytest.raises(DocumentError):
        parse_document(file.read_bytes())


def test_r13_endless_documents_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    merged = ", ".join(["*a"] * 50)
    monkeypatch.setattr(reading, "_MOST_NODES", 1000)
    keys = ", ".join(f"k{n}: 1" for n in range(100))
    with pytest.raises(DocumentError, match="unfolds"):
        parse_document(f"a: &a {{{keys}}}\nb: {{<<: [{merged}]}}".encode(), [])


def test_r14_references_of_every_shape_are_found(read: ReadDocument) -> None:
    task = {
        "$id": "https://a.test/task",
        **obj(
            by_pointer={"$ref": "#/$defs/Name"},
            by_anchor={"$ref": "#label"},
            by_id={"$ref": "https://a.test/label"},
            by_dynamic={"$dynamicRef": "#node"},
            deep={
                "$ref": "#/paths/~1x%7Bid%7D/post/requestBody/content/application~1json/schema/items"
            },
            through={"$ref": "#/components/schemas/Alias/properties/a", "maxLength": 3},
        ),
        "$defs": {"Name": {"type": "string", "minLength": 1}},
    }
    label = {"$id": "https://a.test/label", "$anchor": "label", "enum": ["x", "y"]}
    node = {"$dynamicAnchor": "node", "type": "integer"}
    schemas = {
        "Task": task, "Label": label, "Node": node,
        "Alias": {"$ref": "#/components/schemas/Real"}, "Real": obj(a=TEXT),
    }  # fmt: skip
    document = read(
        {
            "/x{id}": {"post": json_body({"type": "array", "items": {"type": "boolean"}})},
            "/y": {"post": json_body({"$ref": "#/components/schemas/Task"})},
        },
        components={"schemas": schemas},
    )
    properties = make_tool(ToolEntry("t", "POST /y"), document).input_schema["properties"]
    assert properties["by_pointer"]["minLength"] == 1
    assert properties["by_anchor"]["enum"] == properties["by_id"]["enum"] == ["x", "y"]
    assert properties["by_dynamic"]["type"] == "integer"
    assert properties["deep"]["type"] == "boolean"
    assert properties["through"]["maxLength"] == 3


def test_r14_a_bad_operation_is_reported_and_the_document_served(read: ReadDocument) -> None:
    document = read({"/bad": {"post": json_body({"$ref": "#nowhere"})}, "/good": {"get": {}}})
    bad, good = document.operations
    with pytest.raises(Unimportable, match="names an anchor of nothing"):
        import_operation(document, bad)
    assert import_operation(document, good).operation.path == "/good"


def test_r15_a_discriminator_says_which_form_is_which(tool_of: MakeTool) -> None:
    forms = {"Cat": obj(kind=TEXT, lives={"type": "integer"}), "Dog": obj(kind=TEXT)}
    refs = [{"$ref": f"#/components/schemas/{name}"} for name in forms]
    mapping = {"cat": refs[0]["$ref"], "dog": "Dog", "puppy": refs[1]["$ref"]}
    union = {"oneOf": refs, "discriminator": {"propertyName": "kind", "mapping": mapping}}
    tool = tool_of(json_body(obj(pet=union)), more={"components": {"schemas": forms}})
    assert not tool.validate({"pet": {"kind": "cat", "lives": 9}})
    assert not tool.validate({"pet": {"kind": "puppy"}})
    assert tool.validate({"pet": {"kind": "fish"}})
    assert tool.validate({"pet": {"kind": "cat", "lives": "nine"}})


PETS: dict[str, Any] = {
    "Pet": {
        **obj(name=TEXT, kind=TEXT, friend={"$ref": "#/components/schemas/Pet"}),
        "required": ["kind"],
        "discriminator": {"propertyName": "kind"},
    },
    "Cat": {
        "allOf": [{"$ref": "#/components/schemas/Pet"}, {**obj(skill=TEXT), "required": ["skill"]}]
    },
    "Dog": {"allOf": [{"$ref": "#/components/schemas/Pet"}], **obj(pack={"type": "integer"})},
    "Puppy": {"allOf": [{"$ref": "#/components/schemas/Dog"}, obj(weeks={"type": "integer"})]},
}


def pets(tool_of: MakeTool, pet: dict[str, Any], **base: Any) -> Tool:
    """The tool of an operation that takes a pet; `base` is merged into the base type."""
    schemas = {**PETS, "Pet": {**PETS["Pet"], **base}}
    return tool_of(json_body(obj(pet=pet)), more={"components": {"schemas": schemas}})


def test_r15_a_base_type_takes_what_its_subtypes_add(tool_of: MakeTool) -> None:
    base = {"$ref": "#/components/schemas/Pet"}
    for pet in (base, {"allOf": [base], "description": "The pet."}):
        tool = pets(tool_of, pet)
        friend = {"kind": "Puppy", "pack": 3, "weeks": 9}
        assert not tool.validate({"pet": {"kind": "Cat", "skill": "sly", "friend": friend}})
        assert not tool.validate({"pet": {"kind": "Fish"}})
        assert tool.validate({"pet": {"kind": "Dog", "pack": "three"}}) == ()  # As a plain Pet.
        assert tool.validate({"pet": {"skill": "sly"}})
    names = {name for form in forms_of(pets(tool_of, base)) for name in form["properties"]}
    assert names == {"name", "kind", "friend", "skill", "pack", "weeks"}


def forms_of(tool: Tool) -> list[dict[str, Any]]:
    defs = tool.input_schema["$defs"]
    forms: list[dict[str, Any]] = defs["Pet"]["anyOf"]
    return [defs[f["$ref"].rpartition("/")[2]] if "$ref" in f else f for f in forms]


def test_r15_the_mapping_of_a_base_type_says_which_subtype_is_which(tool_of: MakeTool) -> None:
    mapping = {"cat": "#/components/schemas/Cat", "dog": "Dog"}
    kind = {"kind": {"type": "string", "enum": ["cat", "dog", "Puppy", "fish"]}}
    tool = pets(
        tool_of,
        {"$ref": "#/components/schemas/Pet"},
        discriminator={"propertyName": "kind", "mapping": mapping},
        properties={**PETS["Pet"]["properties"], **kind},
        additionalProperties=False,
    )
    valid: list[dict[str, Any]] = [
        {"kind": "cat", "skill": "sly"},
        {"kind": "dog", "pack": 3},
        {"kind": "Puppy", "weeks": 9},
        {"kind": "fish", "name": "Wanda"},
    ]
    assert [tool.validate({"pet": pet}) for pet in valid] == [()] * 4
    wrong = [{"kind": "cat"}, {"kind": "dog", "skill": "x"}, {"kind": "fish", "pack": 3}]
    assert all(tool.validate({"pet": pet}) for pet in [*wrong, {"kind": "cow"}])


def test_r15_a_subtype_itself_stays_what_it_is(tool_of: MakeTool) -> None:
    tool = tool_of(
        json_body({"$ref": "#/components/schemas/Cat"}), more={"components": {"schemas": PETS}}
    )
    assert tool.input_schema["required"] == ["kind", "skill"]
    assert not {"pack", "weeks"} & tool.input_schema["properties"].keys()


def test_r15_overlapping_schemas_accept_values_that_fit_both(tool_of: MakeTool) -> None:
    union = {"oneOf": [{"type": "number"}, {"type": "integer"}]}
    rule = {**obj(a=TEXT, b=TEXT), "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}
    tool = tool_of(json_body(obj(n=union, r=rule)))
    assert not tool.validate({"n": 5})
    assert tool.validate({"r": {"a": "x", "b": "y"}})
    assert tool.validate({"r": {}})


def test_r16_keys_at_any_depth_are_legal_and_sent_as_the_upstream_has_them(
    tool_of: MakeTool,
) -> None:
    inner = {**obj(**{"@odata.type": TEXT, "x y": TEXT, "plain": TEXT}), "required": ["x y"]}
    listed = {"type": "array", "items": {"$ref": "#/components/schemas/Inner"}}
    tool = tool_of(json_body(obj(list=listed)), more={"components": {"schemas": {"Inner": inner}}})
    items = tool.input_schema["properties"]["list"]["items"]
    odata, spaced, plain = items["properties"]
    assert (odata[:11], spaced[:4], plain) == ("odata.type_", "x_y_", "plain")
    assert items["required"] == [spaced]
    request = serialise(tool.operation, BASE, {"list": [{odata: "a", spaced: "b", "plain": "c"}]})
    assert request.body == b'{"list":[{"@odata.type":"a","x y":"b","plain":"c"}]}'


def wide(levels: int, width: int) -> dict[str, Any]:
    """Schemas whose every level holds many, each with words."""
    schema: dict[str, Any] = {"type": "string", "description": "Some words. " * 20, "minLength": 3}
    for level in range(levels):
        properties = {f"l{level}_{n}": schema for n in range(width)}
        schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema


def test_r17_a_schema_over_the_budget_is_cut_and_takes_all_that_the_document_allows(
    tool_of: MakeTool,
) -> None:
    either = {"oneOf": [wide(3, 5), {**wide(3, 5), "required": ["l2_0"]}], "not": obj(x=TEXT)}
    tool = tool_of(json_body({**obj(deep=wide(5, 5), either=either), "required": ["deep"]}))
    assert len(str(tool.input_schema)) < 40_000
    assert "Shortened here" in str(tool.input_schema)
    value: Any = "text"
    for level in range(5):
        value = {f"l{level}_0": value}
    form = value["l4_0"]["l3_0"]
    assert not tool.validate({"deep": value, "either": form})
    assert tool.validate({"deep": {"unknown": 1}})
    assert tool.validate({})


def test_r17_cutting_gives_the_same_schema_each_time(tool_of: MakeTool) -> None:
    one, two = (tool_of(json_body(obj(deep=wide(6, 4)))).input_schema for _ in range(2))
    assert one == two


def test_r18_each_schema_is_converted_once_however_often_it_is_used(
    read: ReadDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert, converted = Schemas.convert, 0

    def count(self: Schemas, source: object) -> Any:
        nonlocal converted
        converted += 1
        return convert(self, source)

    monkeypatch.setattr(Schemas, "convert", count)
    schemas = {
        f"S{n}": obj(next={"$ref": f"#/components/schemas/S{(n + 1) % 800}"}, a=TEXT)
        for n in range(800)
    }
    ref = {"$ref": "#/components/schemas/S0"}
    document = read(
        {f"/x{n}": {"post": json_body(obj(s=ref, n=TEXT))} for n in range(50)},
        components={"schemas": schemas},
    )
    for found in document.operations:
        assert make_tool(ToolEntry("t", found.key), document).input_schema["properties"]["s"]
    assert converted <= 3 * 800 + 2 * 3 * 50


@pytest.mark.parametrize(
    ("queries", "answer", "expected"),
    [
        (
            ["limit", "cursor"],
            obj(data={"type": "array"}, meta=obj(next_cursor=TEXT)),
            ("cursor", "cursor", "limit", ("meta", "next_cursor"), ("data",)),
        ),
        (["page", "per_page"], {"type": "array"}, ("page", "page", "per_page", None, ())),
        (
            ["pageToken", "maxResults", "q"],
            obj(nextPageToken=TEXT, tasks={"type": "array"}),
            ("cursor", "pageToken", "maxResults", ("nextPageToken",), ("tasks",)),
        ),
        (["offset", "limit"], obj(a={"type": "array"}, b={"type": "array"}), ("offset", "offset", "limit", None, None)),
        (["start", "end"], obj(), None),
        (["limit"], {"type": "array"}, None),
    ],
)  # fmt: skip
def test_paging_is_recognised_by_parameters_and_answers(
    read: ReadDocument, queries: list[str], answer: dict[str, Any], expected: Any
) -> None:
    content = {"application/json": {"schema": answer}}
    operation = {
        "parameters": [param(name) for name in queries],
        "responses": {"200": {"content": content}},
    }
    document = read({"/x": {"get": operation}})
    found = import_operation(document, document.operations[0]).operation.pagination
    assert expected == (found and (found.kind, found.position, found.size, found.next, found.items))


def test_positions_that_are_numbers_or_the_last_id_ask_for_pages(tool_of: MakeTool) -> None:
    number, size = {"type": "number"}, {"type": "integer"}
    last = {"type": "integer", "description": "Only items with an ID greater than this ID."}
    day = {"type": "integer", "description": "The day of the first item."}
    for position, schema, pages in (
        ("page", number, True),
        ("since", last, True),
        ("since", day, False),
    ):
        queries = {position: schema, "per_page": size}
        parameters = [{"name": n, "in": "query", "schema": s} for n, s in queries.items()]
        shown = tool_of({"parameters": parameters}, "GET /x").input_schema["properties"].keys()
        assert ("cursor" in shown) == pages


def test_an_idempotency_key_is_the_gateways_to_fill(read: ReadDocument) -> None:
    key = param("Idempotency-Key", "header", required=True)
    document = read({"/x": {"post": {"parameters": [key]}}})
    imported = import_operation(document, document.operations[0])
    assert (dict(imported.properties), imported.required) == ({}, ())
    assert imported.operation.idempotency == "Idempotency-Key"
    request = serialise(imported.operation, BASE, {"Idempotency-Key": "call_1"})
    assert dict(request.headers)["Idempotency-Key"] == "call_1"


@pytest.mark.parametrize(
    "schema",
    [
        obj(password=TEXT),
        obj(code={"type": "string", "format": "password"}),
        obj(user={"$ref": "#/components/schemas/User"}),
    ],
)
def test_an_operation_that_asks_for_a_password_is_marked(
    read: ReadDocument, schema: dict[str, Any]
) -> None:
    components = {"schemas": {"User": obj(name=TEXT, newPassword=TEXT)}}
    document = read({"/x": {"post": json_body(schema)}}, components=components)
    secrets = import_operation(document, document.operations[0]).operation.secrets
    assert secrets == set(schema["properties"])


def test_post_that_reads_pages_by_its_body(tool_of: MakeTool) -> None:
    answer = {"200": {"content": {"application/json": {"schema": obj(next_cursor=TEXT)}}}}
    body = json_body(obj(cursor=TEXT, count={"type": "integer"}))
    reads = tool_of(
        {**body, "responses": answer, "summary": "Get transactions"}, "POST /transactions/get"
    )
    assert {"cursor", "limit"} == reads.input_schema["properties"].keys()
    request = serialise(reads.operation, BASE, {"cursor": "c2", "limit": 5})
    assert request.body == b'{"cursor":"c2","count":5}'
    changes = tool_of({**body, "responses": answer, "summary": "Create"}, "POST /transactions")
    assert changes.compiled_shape.pages is None


def test_an_offset_that_holds_a_token_is_a_cursor(tool_of: MakeTool) -> None:
    page = obj(offset=TEXT, path=TEXT, uri=TEXT)
    answer = obj(data={"type": "array"}, next_page=page)
    tool = tool_of(
        {
            "parameters": [param("offset"), param("limit", schema={"type": "integer"})],
            "responses": {"200": {"content": {"application/json": {"schema": answer}}}},
        },
        "GET /x",
    )
    pages = tool.compiled_shape.pages
    assert pages is not None
    assert (pages.kind, pages.argument, pages.next) == ("cursor", "cursor", ("next_page", "offset"))
    assert pages.find_next({"data": [1], "next_page": {"offset": "tok"}}, {}) == "tok"
    assert pages.find_next({"data": [1], "next_page": None}, {}) is None


@pytest.mark.parametrize("keyword", ["$recursiveRef", "$dynamicRef", "$ref"])
def test_a_reference_to_the_own_root_is_the_schema_around_it(
    tool_of: MakeTool, keyword: str
) -> None:
    tree = obj(name=TEXT, children={"type": "array", "items": {keyword: "#"}})
    inner = {**obj(deep={keyword: "#"}, n={"type": "integer"}), "$recursiveAnchor": True}
    schemas = {"Tree": tree, "Other": obj(inner=inner)}
    ref = {"$ref": "#/components/schemas/Tree"}
    tool = tool_of(
        json_body(obj(tree=ref, other={"$ref": "#/components/schemas/Other"}, own={keyword: "#"})),
        more={"components": {"schemas": schemas}},
    )
    assert not tool.validate({"tree": {"children": [{"children": [{"name": "leaf"}]}]}})
    assert tool.validate({"tree": {"children": [{"children": [{"name": 5}]}]}})
    assert tool.validate({"other": {"inner": {"deep": {"deep": {"n": "one"}}}}})
    assert not tool.validate({"own": {"tree": {"name": "x"}}})
    assert tool.validate({"own": {"tree": {"name": 5}}})


def test_a_value_is_in_an_enum_once(tool_of: MakeTool) -> None:
    values = ["a", "b", "a", 1, True, 1.0, None, None, {"x": 1, "y": 2}, {"y": 2, "x": 1}]
    tool = tool_of(json_body(obj(kind={"enum": values}, list={"items": {"enum": ["a", "a"]}})))
    shown = tool.input_schema["properties"]
    assert shown["kind"]["enum"] == ["a", "b", 1, True, None, {"x": 1, "y": 2}]
    assert shown["list"]["items"]["enum"] == ["a"]


def test_only_forms_that_the_style_can_write_are_offered(tool_of: MakeTool) -> None:
    date = {"type": "string", "format": "date"}
    span = obj(gte=date, lte=date)
    nested = {"type": "array", "items": obj(x=TEXT)}
    tool = tool_of(
        {
            "parameters": [
                param("created", style="deepObject", schema={"anyOf": [date, span, nested]}),
                param("ids", schema={"oneOf": [TEXT, nested, {"type": "array", "items": TEXT}]}),
                param("tags", style="pipeDelimited", explode=False, schema={"type": ["string", "array"]}),
            ]
        },
        "GET /x",
    )  # fmt: skip
    assert tool.input_schema["properties"] == {
        "created": span,
        "ids": {"oneOf": [TEXT, {"type": "array", "items": TEXT}]},
        "tags": {"type": ["array"]},
    }
    request = serialise(tool.operation, BASE, {"created": {"gte": "2026-01-02"}})
    assert request.url == f"{BASE}/x?created%5Bgte%5D=2026-01-02"


def test_a_part_without_a_type_is_bytes_since_3_1(tool_of: MakeTool) -> None:
    schema = obj(
        file={"description": "The picture"},
        png={"contentMediaType": "image/png"},
        many={"type": "array", "items": {}},
        meta={},
        note=TEXT,
    )
    encoding = {"meta": {"contentType": "application/json"}}
    content = {"multipart/form-data": {"schema": schema, "encoding": encoding}}
    tool = tool_of({"requestBody": {"content": content}})
    assert tool.operation.body is not None
    assert tool.operation.body.files == {"file", "png", "many"}
    body = serialise(tool.operation, BASE, {"file": "aGk="}).body or b""
    assert b"Content-Type: application/octet-stream\r\n\r\nhi\r\n" in body
    older = tool_of({"requestBody": {"content": content}}, version="3.0.3").operation.body
    assert older is not None
    assert older.files == frozenset()


def test_a_part_that_needs_a_header_is_refused_or_left_out_with_a_note(
    read: ReadDocument,
) -> None:
    headers = {"X-Checksum": {"required": True, "schema": TEXT}, "X-Other": {"schema": TEXT}}
    for required in ([], ["file"]):
        schema = {**obj(file=TEXT, note=TEXT), "required": required}
        media = {"schema": schema, "encoding": {"file": {"headers": headers}}}
        content = {"content": {"multipart/form-data": media}}
        document = read({"/x": {"post": {"requestBody": content}}})
        if required:
            with pytest.raises(Unimportable, match="'file' needs the header 'X-Checksum'"):
                import_operation(document, document.operations[0])
        else:
            imported = import_operation(document, document.operations[0])
            assert list(imported.properties) == ["note"]
            assert "'file' was left out: it needs the header" in imported.notes[0]
