"""Documents written for one test each."""

from collections.abc import Callable
from typing import Any

from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.manifest.entries import ToolEntry
from mcp_gateway.manifest.make_tool import make_tool
from mcp_gateway.openapi.document import OpenApiDocument, read_openapi

ReadDocument = Callable[..., OpenApiDocument]
MakeTool = Callable[..., Tool]


def document_reader() -> ReadDocument:
    """Read a document that has the given paths (and whatever else is given)."""

    def read_paths(paths: dict[str, Any], version: str = "3.1.0", **more: Any) -> OpenApiDocument:
        return read_openapi({"openapi": version, "paths": paths, **more})

    return read_paths


def tool_maker(read: ReadDocument) -> MakeTool:
    """Make the tool of a document's one operation, `POST /x/…` unless it says otherwise."""

    def make(
        operation: dict[str, Any],
        key: str = "POST /x",
        *,
        version: str = "3.1.0",
        more: dict[str, Any] | None = None,
        **entry: Any,
    ) -> Tool:
        method, _, path = key.partition(" ")
        document = read({path: {method.lower(): operation}}, version, **(more or {}))
        return make_tool(ToolEntry("the_tool", key, **entry), document)

    return make
