"""A broken document only loses operations, each with a reason."""

import copy
import json
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from gatepost.document import DocumentError, parse_document
from mcp_gateway.documents.references import UnresolvableReference
from mcp_gateway.openapi.argument_builder import Unimportable
from mcp_gateway.openapi.arguments import import_operation
from mcp_gateway.openapi.document import read_openapi
from mcp_gateway.schemas.keywords import UnusableSchema

OPENAPI: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "T"},
    "servers": [{"url": "https://{h}/v1", "variables": {"h": {"default": "a.test"}}}],
    "security": [{"key": []}],
    "paths": {
        "/a/{id}": {
            "servers": [{"url": "/v2"}],
            "parameters": [{"$ref": "#/components/parameters/Id"}],
            "get": {
                "tags": ["t"],
                "parameters": [
                    {"name": "limit", "in": "query", "schema": {"type": "integer"}},
                    {"name": "c", "in": "query", "content": {"application/json": {"schema": {}}}},
                ],
                "responses": {
                    "200": {
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Page"}}
                        }
                    }
                },
            },
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {
                        "multipart/form-data": {
                            "schema": {"$ref": "#/components/schemas/Task"},
                            "encoding": {"f": {"contentType": "image/png", "headers": {}}},
                        }
                    },
                },
            },
            "put": {
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Task"}}
                    }
                }
            },
        }
    },
    "components": {
        "parameters": {"Id": {"name": "id", "in": "path", "required": True, "schema": {}}},
        "securitySchemes": {"key": {"type": "apiKey", "in": "query", "name": "k"}},
        "schemas": {
            "Task": {
                "type": "object",
                "required": ["a"],
                "properties": {
                    "a": {"type": "string", "nullable": True, "enum": ["x"], "pattern": "^x"},
                    "b": {"allOf": [{"$ref": "#/components/schemas/Task"}, {"minProperties": 1}]},
                    "c": {
                        "oneOf": [{"$ref": "#/components/schemas/Task"}, {"type": "integer"}],
                        "discriminator": {
                            "propertyName": "a",
                            "mapping": {"x": "#/components/schemas/Task"},
                        },
                    },
                    "d": {"type": "array", "items": {"type": "number", "exclusiveMinimum": True}},
                    "f": {"type": "string", "format": "binary", "readOnly": False},
                    "$odd key": {"type": "object", "additionalProperties": {"type": "string"}},
                },
                "additionalProperties": True,
                "dependentRequired": {"a": ["b"]},
            },
            "Page": {
                "allOf": [{"properties": {"meta": {"properties": {"next_cursor": {}}}}}],
                "properties": {"items": {"type": "array"}},
            },
        },
    },
}
SWAGGER: dict[str, Any] = {
    "swagger": "2.0",
    "host": "a.test",
    "basePath": "/v1",
    "schemes": ["https"],
    "consumes": ["application/json"],
    "securityDefinitions": {"o": {"type": "oauth2", "flow": "application", "scopes": {"a": "b"}}},
    "parameters": {"L": {"name": "l", "in": "query", "type": "array", "items": {"type": "string"}}},
    "definitions": {"T": {"type": "object", "properties": {"t": {"$ref": "#/definitions/T"}}}},
    "paths": {
        "/a": {
            "parameters": [{"$ref": "#/parameters/L"}],
            "post": {
                "parameters": [
                    {"name": "b", "in": "body", "schema": {"$ref": "#/definitions/T"}},
                ],
                "responses": {"200": {"schema": {"type": "array"}}},
            },
            "put": {
                "parameters": [
                    {"name": "f", "in": "formData", "type": "file"},
                    {"name": "g", "in": "formData", "type": "array", "collectionFormat": "tsv"},
                ]
            },
        }
    },
}
JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, 0, -1, 1.5, "", "x", "#/", "#/paths", "a.yaml#/b", "http://["),
        *([], [None], [[]], ["a"], {}, {"$ref": "#/components/schemas/Task"}),
        *({"$ref": 3}, {"$ref": "#/paths/~1a"}),
    ]
)


def spots(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the path of every value in a document."""
    found = [path] if path else []
    children = enumerate(node) if isinstance(node, list) else ()
    for key, child in node.items() if isinstance(node, dict) else children:
        found += spots(child, (*path, key))
    return found


SPOTS = [(root, path) for root in (OPENAPI, SWAGGER) for path in spots(root)]


@settings(max_examples=150)
@given(st.sampled_from(SPOTS), JUNK, st.data())
def test_a_broken_spot_anywhere_costs_operations_at_most(
    spot: tuple[dict[str, Any], tuple[Any, ...]], junk: Any, data: st.DataObject
) -> None:
    root, path = spot
    document = copy.deepcopy(root)
    more = [way for other, way in SPOTS if other is root]
    for way in (path, data.draw(st.sampled_from(more))):
        node: Any = document
        for key in way[:-1]:
            node = node[key] if isinstance(node, dict | list) and _has(node, key) else None
        if isinstance(node, dict | list) and _has(node, way[-1]):
            node[way[-1]] = copy.deepcopy(junk)
    try:
        read = read_openapi(document)
    except DocumentError:
        return
    for found in read.operations:
        try:
            imported = import_operation(read, found)
            read.schemas.publish({"type": "object", "properties": dict(imported.properties)})
        except (Unimportable, UnusableSchema, UnresolvableReference) as refused:
            assert str(refused)
            assert refused.__cause__ is None, "refused by accident"


def _has(node: Any, key: Any) -> bool:
    if isinstance(node, dict):
        return key in node
    return isinstance(key, int) and key < len(node)


@given(st.binary(max_size=200) | st.text("{}[]:,&*<-! \n'\"#ab1", max_size=60).map(str.encode))
def test_any_bytes_are_a_document_or_refused(data: bytes) -> None:
    choices: tuple[list[str] | None, ...] = (None, [])
    for notes in choices:
        try:
            assert isinstance(json.loads(json.dumps(parse_document(data, notes))), dict)
        except DocumentError as refused:
            assert str(refused)
            assert refused.__cause__ is None, "refused by accident"
