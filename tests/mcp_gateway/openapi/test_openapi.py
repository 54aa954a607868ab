"""Reading documents and finding their operations."""

from typing import Any

import pytest

from gatepost.document import DocumentError
from mcp_gateway.openapi.document import UnknownOperation, read_openapi
from support.in_process.documents import MakeTool, ReadDocument


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ({"swagger": "1.2", "paths": {}}, "Swagger 1.2 document; 2.0 and later"),
        ({"openapi": "4.0.0", "paths": {}}, "OpenAPI 4.0.0 document; 2.0 and 3.0 to 3.2"),
        ({"paths": {}}, "does not have an `openapi` version"),
        ({"openapi": "3.1.0", "paths": []}, "`paths` is not a mapping"),
    ],
)
def test_another_kind_of_document_is_refused_by_name(root: dict[str, Any], message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        read_openapi(root)


def test_path_items_are_found_through_references_of_every_shape(read: ReadDocument) -> None:
    item = {"get": {"operationId": "readIt"}}
    document = read(
        {
            "/a": {"$ref": "#/components/pathItems/A"},
            "/b": {"$ref": "#/paths/~1c~1%7Bid%7D"},
            "/c/{id}": item,
            "/d": {"$ref": "#/x-list/1", "summary": "Beside"},
        },
        components={"pathItems": {"A": {"$ref": "#/x-list/1"}}},
        **{"x-list": [None, {"post": {}}]},
    )
    assert [op.key for op in document.operations] == [
        "POST /a",
        "GET /b",
        "GET /c/{id}",
        "POST /d",
    ]
    assert document.operations[-1].summary == "Beside"


def test_a_bad_path_is_reported_and_the_others_are_kept(read: ReadDocument) -> None:
    document = read(
        {
            "/gone": {"$ref": "#/components/pathItems/Gone"},
            "/loop": {"$ref": "#/paths/~1loop"},
            "/far": {"$ref": "other.yaml#/a"},
            "/text": "no object",
            "/odd": {"get": "no object"},
            "/good": {"get": {}},
            "x-note": {"get": {}},
        }
    )
    assert [op.key for op in document.operations] == ["GET /good"]
    reasons = dict(document.unreadable)
    assert set(reasons) == {"/gone", "/loop", "/far", "/text", "GET /odd"}
    assert "points at nothing" in reasons["/gone"]
    assert "refers to itself" in reasons["/loop"]
    assert "leads outside the document" in reasons["/far"]


def test_an_operation_is_found_by_id_or_by_method_and_path(read: ReadDocument) -> None:
    document = read({"/tasks": {"get": {"operationId": "listTasks"}, "post": {}}})
    assert document.find("listTasks") is document.find("get /tasks")
    with pytest.raises(UnknownOperation, match="did you mean listTasks"):
        document.find("listTask")


def test_an_id_that_two_operations_share_names_neither(read: ReadDocument) -> None:
    document = read({"/a": {"get": {"operationId": "x"}}, "/b": {"get": {"operationId": "x"}}})
    with pytest.raises(UnknownOperation, match="write 'GET /a' or 'GET /b'"):
        document.find("x")


def test_entities_of_a_description_hide_no_characters(tool_of: MakeTool) -> None:
    assert tool_of({"description": "<p>A&#x202e;B&amp;C</p>"}).description == "AB&C"
