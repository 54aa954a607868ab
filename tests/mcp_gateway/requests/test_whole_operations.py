"""Any operation of a document, with any arguments, as a server of another make reads the request.

Starlette reads what came: its router the path, its request object query, headers and cookies.
"""

import json
import re
from typing import Any
from urllib.parse import unquote, urlsplit

import hypothesis.strategies as st
from hypothesis import given
from starlette.requests import Request
from starlette.routing import compile_path

from mcp_gateway.catalogue.coercion import coerce_arguments
from mcp_gateway.catalogue.validation import make_validator
from mcp_gateway.openapi.arguments import import_operation
from mcp_gateway.openapi.document import read_openapi
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.requests.serialise import serialise

# Wide enough for places without escapes, narrow enough to have a form there.
TEXTS = {
    "path": st.text("abc ?#%&=+é日", min_size=1, max_size=6),
    "query": st.text(st.characters(codec="utf-8"), max_size=6),
    "header": st.text('abc XYZ;:%"=', max_size=6).map(str.strip),
    "cookie": st.text("abcXYZ09-_.~", max_size=6),
    "body": st.text(st.characters(codec="utf-8"), max_size=6),
}
NAMES = st.sampled_from(["id", "x-y", "a.b", "filter[name]", "$top", "ids[]", "a b", "Q"])
KINDS = ("string", "integer", "boolean", "array")


@st.composite
def calls(draw: st.DrawFn) -> tuple[dict[str, Any], str, list[tuple[str, str, Any]]]:
    """Draw an operation, its path, and (place, name, value) for each thing to send."""
    sent: list[tuple[str, str, Any]] = []
    parameters: list[dict[str, Any]] = []
    properties: dict[str, Any] = {}
    path = "/x"
    bulkhead = st.sampled_from(["path", "query", "header", "cookie", "body"])
    for place, name in draw(st.lists(st.tuples(bulkhead, NAMES), max_size=6, unique=True)):
        if place in {"path", "header", "cookie"} and re.search(r"[^A-Za-z.-]", name):
            continue
        kind = draw(st.sampled_from(KINDS[:3] if place in {"path", "cookie", "header"} else KINDS))
        scalar: dict[str, st.SearchStrategy[Any]] = {
            "string": TEXTS[place],
            "integer": st.integers(),
            "boolean": st.booleans(),
        }
        schema: dict[str, Any] = {"type": kind}
        if kind == "array":
            value = draw(st.lists(TEXTS[place], min_size=1, max_size=3))
            schema["items"] = {"type": "string"}
        else:
            value = draw(scalar[kind])
        if place == "path":
            name = f"p{len(sent)}"  # Starlette's router requires such names.
            path += f"/{{{name}}}"
        if place == "body":
            properties[name] = schema
        else:
            parameters.append({"name": name, "in": place, "required": True, "schema": schema})
        sent.append((place, name, value))
    operation: dict[str, Any] = {"parameters": parameters}
    if properties:
        schema = {"type": "object", "properties": properties, "required": list(properties)}
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return operation, path, sent


@given(calls())
def test_any_call_arrives_as_it_was_meant(
    call: tuple[dict[str, Any], str, list[tuple[str, str, Any]]],
) -> None:
    source, path, sent = call
    document = read_openapi({"openapi": "3.1.0", "paths": {path: {"post": source}}})
    imported = import_operation(document, document.operations[0])
    where = {("body", name): key for key, name in body_names(imported.operation).items()}
    where |= {(p.location, p.name): p.argument for p in imported.operation.parameters}
    arguments = {where[place, name]: value for place, name, value in sent}
    root = {"type": "object", "properties": dict(imported.properties)}
    schema = document.schemas.publish({**root, "required": list(imported.required)})
    assert coerce_arguments(schema, arguments) == arguments
    assert not make_validator(schema)(arguments)
    assert all(re.fullmatch(r"[a-zA-Z0-9_.-]{1,64}", key) for key in schema["properties"])
    request = serialise(imported.operation, "http://u", arguments)
    for place, name, value in sent:
        expected = value if place == "body" else text(value)
        assert read(request, path, place, name, listed=isinstance(value, list)) == expected


def body_names(operation: Any) -> dict[str, str]:
    return {} if operation.body is None else operation.body.properties


def read(request: HttpRequest, path: str, place: str, name: str, *, listed: bool) -> Any:
    """Read one value of a request as a server does."""
    parts = urlsplit(request.url)
    scope = {
        "type": "http",
        "method": request.method,
        "path": unquote(parts.path),
        "query_string": parts.query.encode(),
        "headers": [(n.lower().encode(), v.encode("latin-1")) for n, v in request.headers],
    }
    server = Request(scope)
    match place:
        case "path":
            matched = compile_path(path)[0].match(parts.path)
            assert matched
            return unquote(matched[name])
        case "query":
            values = server.query_params.getlist(name)
            return values if listed else values[0]
        case "header":
            return server.headers[name]
        case "cookie":
            return server.cookies[name]
        case _:
            return json.loads(request.body)[name]


def text(value: Any) -> Any:
    """Return a value outside JSON as a server reads it."""
    if isinstance(value, list):
        return [text(item) for item in value]
    return json.dumps(value) if isinstance(value, bool | int) else value
