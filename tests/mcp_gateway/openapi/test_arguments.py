"""The arguments of an operation, and the destination of each."""

import pytest

from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.requests.operation import Encoding
from mcp_gateway.requests.serialise import serialise
from support.in_process.documents import MakeTool, ReadDocument

TEXT = {"type": "string"}


def parameter(name: str, where: str = "query", **more: object) -> dict[str, object]:
    required = {"required": True} if where == "path" else {}
    return {"name": name, "in": where, "schema": TEXT, **required, **more}


def body(schema: object, kind: str = "application/json", **more: object) -> dict[str, object]:
    return {"content": {kind: {"schema": schema, **more}}}


def obj(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties}


def test_parameters_and_body_properties_become_one_flat_object(tool_of: MakeTool) -> None:
    tool = tool_of(
        {
            "parameters": [parameter("id", "path"), parameter("dry", description="Try only")],
            "requestBody": body({**obj(title=TEXT, note=TEXT), "required": ["title"]}),
        },
        "PUT /x/{id}",
    )
    assert tool.input_schema == {
        "type": "object",
        "properties": {
            "id": TEXT,
            "dry": {**TEXT, "description": "Try only"},
            "title": TEXT,
            "note": TEXT,
        },
        "required": ["id", "title"],
        "additionalProperties": False,
    }
    request = serialise(tool.operation, "http://u", {"id": "1", "dry": "y", "title": "T"})
    assert (request.url, request.body) == ("http://u/x/1?dry=y", b'{"title":"T"}')


def test_names_that_collide_or_that_clients_reject_are_renamed_and_sent_as_they_were(
    tool_of: MakeTool,
) -> None:
    tool = tool_of(
        {
            "parameters": [
                parameter("id", "path"),
                parameter("id"),
                parameter("filter[name]"),
                parameter("$top"),
                parameter("ids[]"),
                parameter("日本"),
                parameter("x" * 80),
            ],
            "requestBody": body(obj(id=TEXT, body_id=TEXT)),
        },
        "POST /x/{id}",
    )
    keys = list(tool.input_schema["properties"])
    assert keys[:5] == ["id", "query_id", "filter_name", "top", "ids"]
    assert keys[5].startswith("arg_")
    assert len(keys[6]) == 64
    assert keys[7:] == ["body_id", "body_body_id"]
    values = dict.fromkeys(keys, "v")
    request = serialise(tool.operation, "http://u", values)
    assert request.body == b'{"id":"v","body_id":"v"}'
    assert "?id=v&filter%5Bname%5D=v&%24top=v&ids%5B%5D=v&%E6%97%A5" in request.url


def test_no_service_header_and_no_credential_becomes_an_argument(tool_of: MakeTool) -> None:
    service = """Authorization COOKIE Host Content-Type content-length Accept Forwarded
    X-Forwarded-For X-Real-IP Gatepost-Assertion Connection Transfer-Encoding TE X-Tenant-Id
    X-HTTP-Method-Override Proxy-Authorization X-Api-Key""".split()  # noqa: SIM905
    tool = tool_of(
        {
            "parameters": [
                *(parameter(name, "header") for name in service),
                parameter("X-Trace", "header"),
                parameter("key"),
                parameter("sid", "cookie"),
                parameter("App-Key", "header"),
            ]
        },
        more={
            "components": {
                "securitySchemes": {
                    "a": {"type": "apiKey", "in": "query", "name": "key"},
                    "b": {"type": "apiKey", "in": "cookie", "name": "sid"},
                    "c": {"type": "apiKey", "in": "header", "name": "app-key"},
                    "d": {"type": "http", "scheme": "bearer"},
                }
            }
        },
    )
    assert list(tool.input_schema["properties"]) == ["X-Trace"]
    assert [p.name for p in tool.operation.parameters] == ["X-Trace"]


def test_a_tenant_header_is_filled_by_a_claim_or_not_at_all(tool_of: MakeTool) -> None:
    operation = {"parameters": [parameter("X-Tenant-ID", "header", required=True)]}
    with pytest.raises(ManifestError, match="bind it to a claim"):
        tool_of(operation)
    tool = tool_of(operation, bind=(("X-Tenant-ID", "tenant_id"),))
    assert tool.input_schema["properties"] == {}
    assert tool.bindings == {"X-Tenant-ID": "tenant_id"}
    request = serialise(tool.operation, "http://u", {"X-Tenant-ID": "org_acme"})
    assert ("X-Tenant-ID", "org_acme") in request.headers


def test_the_operation_s_own_parameters_win_over_its_path_s(
    read: ReadDocument, tool_of: MakeTool
) -> None:
    tool = tool_of(
        {
            "parameters": [
                {"$ref": "#/components/parameters/Page"},
                {"name": "X-Mode", "in": "header", "schema": {"enum": ["a"]}},
            ]
        },
        more={"components": {"parameters": {"Page": parameter("page")}}},
    )
    assert list(tool.input_schema["properties"]) == ["page", "X-Mode"]


def test_a_body_that_is_not_a_plain_object_is_one_argument(tool_of: MakeTool) -> None:
    for schema in (
        {"type": "array", "items": TEXT},
        {"oneOf": [obj(a=TEXT), obj(b=TEXT)]},
        {**obj(a=TEXT, b=TEXT), "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {"type": "object", "additionalProperties": TEXT},
        {**obj(a=TEXT), "required": ["undescribed"]},
        TEXT,
    ):
        tool = tool_of({"requestBody": {**body(schema), "required": True}})
        assert list(tool.input_schema["properties"]) == ["body"]
        assert tool.input_schema["required"] == ["body"]
        assert tool.input_schema["type"] == "object"
        assert tool.operation.body is not None
        assert tool.operation.body.whole == "body"


def test_json_is_chosen_where_a_body_may_have_several_types(tool_of: MakeTool) -> None:
    content = {
        kind: {"schema": obj(a=TEXT)}
        for kind in ("application/xml", "multipart/form-data", "application/json", "text/plain")
    }
    tool = tool_of({"requestBody": {"content": content}})
    assert tool.operation.body is not None
    assert tool.operation.body.content_type == "application/json"


def test_null_stays_in_a_json_body_and_leaves_where_it_cannot_be_written(
    tool_of: MakeTool,
) -> None:
    maybe = {"anyOf": [TEXT, {"type": "null"}]}
    tool = tool_of(
        {"parameters": [parameter("q", schema=maybe)], "requestBody": body(obj(due=maybe))}
    )
    assert tool.input_schema["properties"] == {"q": TEXT, "due": maybe}
    form = tool_of({"requestBody": body(obj(due=maybe), "application/x-www-form-urlencoded")})
    assert form.input_schema["properties"] == {"due": TEXT}


def test_files_are_base64_text_and_lists_of_files_are_lists_of_it(tool_of: MakeTool) -> None:
    binary, bare = {"type": "string", "format": "binary"}, {"type": "string"}
    schema = obj(
        a=binary,
        b={"type": "array", "items": {**bare, "contentMediaType": "application/octet-stream"}},
        c=bare,
        d=bare,
    )
    encoding = {"c": {"contentType": "image/png"}, "d": {"contentType": "text/csv"}}
    tool = tool_of({"requestBody": body(schema, "multipart/form-data", encoding=encoding)})
    properties = tool.input_schema["properties"]
    assert properties["a"]["contentEncoding"] == "base64"
    assert properties["b"]["items"]["contentEncoding"] == "base64"
    assert tool.operation.body is not None
    assert tool.operation.body.files == {"a", "b", "c"}
    assert tool.operation.body.encodings["d"] == Encoding(content_type="text/csv")
    whole = tool_of({"requestBody": body(binary, "application/pdf")})
    assert whole.input_schema["properties"]["body"]["contentEncoding"] == "base64"


def test_the_encoding_of_form_properties_is_read(tool_of: MakeTool) -> None:
    encoding = {"a": {"style": "deepObject", "explode": True}, "b": {"explode": False}}
    schema = obj(a={"type": "array", "items": TEXT}, b={"type": "array", "items": TEXT})
    kind = "application/x-www-form-urlencoded"
    tool = tool_of({"requestBody": body(schema, kind, encoding=encoding)})
    request = serialise(tool.operation, "http://u", {"a": ["x"], "b": ["y", "z"]})
    assert request.body == b"a%5B0%5D=x&b=y,z"


@pytest.mark.parametrize(
    ("key", "operation", "reason"),
    [
        ("GET /x#Action=1", {}, "fragment"),
        ("GET /x/../y", {}, "steps through directories"),
        ("GET /x?k={k}", {"parameters": [parameter("k")]}, "placeholder after"),
        ("GET x", {}, "doesn't start with"),
        ("TRACE /x", {}, "describes the API"),
        ("GET /x", {"parameters": [{"$ref": "#/nowhere"}]}, "points at nothing"),
        ("GET /x", {"parameters": [parameter("f", "formData")]}, "is in 'formData'"),
        ("GET /x", {"requestBody": {**body(TEXT), "required": True}}, "GET doesn't have"),
        ("POST /x", {"requestBody": body(obj(a=TEXT), "application/xml")}, "application/xml"),
        ("POST /x", {"requestBody": body(TEXT, "multipart/form-data")}, "is not a plain object"),
        (
            "GET /x",
            {"parameters": [parameter("c", "cookie", required=True, schema={"type": "array"})]},
            "can't write",
        ),
        (
            "GET /x",
            {"parameters": [parameter("d", required=True, style="deepObject")]},
            "can't write",
        ),
        (
            "GET /x",
            {
                "parameters": [
                    parameter(
                        "n",
                        required=True,
                        schema={"type": "array", "items": {"type": "object"}},
                    )
                ]
            },
            "can't write",
        ),
        ("GET /x", {"parameters": [parameter("a\r\nb", "header", required=True)]}, "has a name"),
        ("GET /x", {"parameters": [parameter("q", required=True, style="label")]}, "style 'label'"),
    ],
)
def test_an_operation_that_cannot_be_sent_exactly_is_refused_with_the_reason(
    tool_of: MakeTool, key: str, operation: dict[str, object], reason: str
) -> None:
    with pytest.raises(ManifestError, match=reason):
        tool_of(operation, key)


def test_a_placeholder_that_is_not_declared_takes_text(tool_of: MakeTool) -> None:
    tool = tool_of({}, "GET /x/{id}/{id}")
    assert tool.input_schema["properties"] == {"id": TEXT}
    assert tool.input_schema["required"] == ["id"]
    assert serialise(tool.operation, "http://u", {"id": "a b"}).url == "http://u/x/a%20b/a%20b"


def test_an_optional_parameter_that_cannot_be_written_is_left_out(tool_of: MakeTool) -> None:
    nested = {"type": "array", "items": {"type": "array"}}
    tool = tool_of({"parameters": [parameter("n", schema=nested), parameter("q")]})
    assert list(tool.input_schema["properties"]) == ["q"]
