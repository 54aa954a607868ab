"""Swagger 2.0 documents are converted to OpenAPI 3."""

from typing import Any

import pytest

from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.manifest.entries import ToolEntry
from mcp_gateway.manifest.make_tool import make_tool
from mcp_gateway.openapi.argument_builder import Unimportable
from mcp_gateway.openapi.arguments import import_operation
from mcp_gateway.openapi.document import OpenApiDocument, read_openapi
from mcp_gateway.requests.serialise import serialise


def swagger(paths: dict[str, Any], **more: Any) -> OpenApiDocument:
    return read_openapi({"swagger": "2.0", "info": {"title": "Old"}, "paths": paths, **more})


def tool(key: str, operation: dict[str, Any], **more: Any) -> Tool:
    method, _, path = key.partition(" ")
    return make_tool(ToolEntry("t", key), swagger({path: {method.lower(): operation}}, **more))


def field(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "formData", "type": kind, **more}


def test_a_body_and_its_definition_become_flat_arguments() -> None:
    pet = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    made = tool(
        "POST /pets",
        {"parameters": [{"$ref": "#/parameters/Pet"}]},
        definitions={"Pet": pet},
        parameters={
            "Pet": {
                "name": "pet",
                "in": "body",
                "required": True,
                "schema": {"$ref": "#/definitions/Pet"},
            }
        },
    )
    assert made.input_schema["required"] == ["name"]
    assert serialise(made.operation, "http://u", {"name": "Rex"}).body == b'{"name":"Rex"}'


@pytest.mark.parametrize(
    ("collection", "query"),
    [
        (None, "ids=1,2"),
        ("csv", "ids=1,2"),
        ("multi", "ids=1&ids=2"),
        ("ssv", "ids=1%202"),
        ("pipes", "ids=1%7C2"),
    ],
)
def test_a_collection_format_becomes_the_style_that_writes_the_same(
    collection: str | None, query: str
) -> None:
    ids = {"name": "ids", "in": "query", "type": "array", "items": {"type": "integer"}}
    ids |= {"collectionFormat": collection} if collection else {}
    made = tool("GET /x", {"parameters": [ids]})
    assert made.input_schema["properties"]["ids"] == {"type": "array", "items": {"type": "integer"}}
    assert serialise(made.operation, "http://u", {"ids": [1, 2]}).url == f"http://u/x?{query}"


def test_tabs_between_values_have_no_style_and_are_refused() -> None:
    ids = {
        "name": "ids",
        "in": "query",
        "type": "array",
        "collectionFormat": "tsv",
        "required": True,
    }
    document = swagger({"/x": {"get": {"parameters": [ids]}}})
    with pytest.raises(Unimportable, match="tabDelimited"):
        import_operation(document, document.operations[0])


def test_form_fields_become_a_form_and_a_file_makes_it_multipart() -> None:
    plain = tool("POST /x", {"parameters": [field("a"), field("b", "integer", required=True)]})
    request = serialise(plain.operation, "http://u", {"a": "x", "b": 1})
    assert request.body == b"a=x&b=1"
    assert plain.input_schema["required"] == ["b"]
    upload = tool("POST /x", {"parameters": [field("a", "array", items={}), field("f", "file")]})
    assert upload.input_schema["properties"]["f"]["contentEncoding"] == "base64"
    request = serialise(upload.operation, "http://u", {"f": "aGk=", "a": ["1", "2"]})
    assert b'filename="f"' in request.body
    assert b"\r\n\r\n1,2\r\n" in request.body


def test_consumes_decides_the_type_of_a_body_and_produces_that_of_the_answer() -> None:
    body = {"name": "b", "in": "body", "schema": {"type": "object", "properties": {"a": {}}}}
    made = tool(
        "PATCH /x",
        {"parameters": [body], "responses": {"200": {"schema": {"type": "object"}}}},
        consumes=["application/merge-patch+json"],
        produces=["application/vnd.api+json"],
    )
    request = serialise(made.operation, "http://u", {"a": None})
    assert dict(request.headers)["Content-Type"] == "application/merge-patch+json"
    assert dict(request.headers)["Accept"].startswith("application/vnd.api+json")


def test_parameters_shared_by_all_operations_of_a_path_are_read() -> None:
    shared = {"parameters": [{"name": "id", "in": "path", "type": "string"}, field("a")]}
    document = swagger(
        {"/x/{id}": {**shared, "post": {}, "put": {"parameters": [field("a", "integer")]}}}
    )
    post, put = (make_tool(ToolEntry("t", f"{m} /x/{{id}}"), document) for m in ("POST", "PUT"))
    assert set(post.input_schema["properties"]) == {"id", "a"}
    assert put.input_schema["properties"]["a"] == {"type": "integer"}


def test_host_base_path_and_schemes_become_servers_and_credentials_descriptions() -> None:
    document = swagger(
        {},
        host="api.example.com",
        basePath="/v1/",
        schemes=["http", "https"],
        securityDefinitions={
            "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
            "basic": {"type": "basic"},
            "app": {
                "type": "oauth2",
                "flow": "application",
                "tokenUrl": "https://t",
                "scopes": {"a": ""},
            },
        },
    )
    assert document.servers == ("https://api.example.com/v1", "http://api.example.com/v1")
    kinds = {name: credential.kind for name, credential in document.security_schemes.items()}
    assert kinds == {"key": "header", "basic": "basic", "app": "client_credentials"}


def test_a_nullable_extension_is_read() -> None:
    made = tool(
        "POST /x",
        {"parameters": [{"name": "b", "in": "body", "schema": {"$ref": "#/definitions/B"}}]},
        definitions={
            "B": {"type": "object", "properties": {"a": {"type": "string", "x-nullable": True}}}
        },
    )
    assert made.input_schema["properties"]["a"] == {"type": ["string", "null"]}


@pytest.mark.parametrize(
    "item",
    [
        None,
        {"get": None},
        {"get": {"parameters": ["text", {"$ref": "#/gone"}, {}]}},
        {"$ref": "#/gone"},
        {"post": {"parameters": [{"in": "body", "name": "b", "schema": 3}]}},
    ],
)
def test_a_malformed_path_is_reported_and_the_others_are_kept(item: Any) -> None:
    document = swagger({"/bad": item, "/good": {"get": {}}})
    assert "GET /good" in [op.key for op in document.operations]
    for found in document.operations:
        if found.path == "/bad":
            with pytest.raises(Unimportable):
                import_operation(document, found)
