"""Describe the tools of an MCP server as an OpenAPI document, so that one code path imports both.

Each tool becomes an operation whose JSON body is the tool's arguments and whose `operationId` is the
tool's name. One whose `readOnlyHint` is true uses QUERY, any other POST. Only a person's review gives
these words an effect. Source: MCP 2025-11-25 and 2026-07-28, server/tools.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from gatepost.document import DocumentError

TOOL_LIST = "tools/list"
"""The version of a document that was made from a tool list."""
_NAME = re.compile(r"[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_LONGEST_NAME = 128
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}").fullmatch
MIRRORED = "x-mcp-mirrored"
"""The key of an operation with the arguments that a header repeats, and the names."""
_DATA = frozenset({"const", "default", "enum", "example", "examples"})
"""Keywords whose values are no schemas, so that a `$ref` in them is not a reference."""
_ROOT = frozenset({"allOf", "anyOf", "oneOf", "if", "$ref", "additionalProperties"})
"""Keywords by which a schema without named properties can allow some."""


def is_tool_list(root: Mapping[str, Any]) -> bool:
    """Tell whether a document is an answer to `tools/list`, whole or only its result."""
    return isinstance(_tools_of(root), list) and "openapi" not in root and "swagger" not in root


def describe_tools(root: Mapping[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI 3.2 document with an operation for each tool.

    Raises:
        DocumentError: a tool is malformed, or two tools have the same name.
    """
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for number, tool in enumerate(_tools_of(root)):
        name = tool.get("name") if isinstance(tool, dict) else None
        if not isinstance(name, str) or not _is_usable(name):
            shown = name[:80] if isinstance(name, str) else name
            raise DocumentError(
                f"has a tool with the name {shown!r} (tools[{number}]); names are up to "
                f"{_LONGEST_NAME} letters, digits, '_', '-' and '.'"
            )
        path = "/" + quote(name, safe="")
        if path in paths:
            raise DocumentError(f"has two tools with the name {name!r}")
        if not isinstance(tool.get("inputSchema"), dict):
            raise DocumentError(f"has a tool {name!r} without an inputSchema")
        paths[path] = _describe(tool, name, number, schemas)
    return {
        "openapi": "3.2.0",
        "info": {"title": "", "version": ""},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _tools_of(root: Mapping[str, Any]) -> Any:
    inner = root.get("result")
    return (inner if isinstance(inner, dict) else root).get("tools")


def _is_usable(name: str) -> bool:
    return len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) is not None


def _describe(
    tool: Mapping[str, Any], name: str, number: int, schemas: dict[str, Any]
) -> dict[str, Any]:
    hints = tool.get("annotations")
    hints = hints if isinstance(hints, dict) else {}
    reads = hints.get("readOnlyHint") is True
    title = tool.get("title") or hints.get("title")
    operation: dict[str, Any] = {"operationId": name, "responses": {"200": {"description": ""}}}
    if isinstance(title, str):
        operation["summary"] = title
        operation["x-mcp"] = {"title": title}
    if isinstance(tool.get("description"), str):
        operation["description"] = tool["description"]
    if not reads:
        # A tool that says nothing may destroy something (server/tools, `ToolAnnotations`).
        destroys = hints.get("destructiveHint", True) is not False
        operation.setdefault("x-mcp", {})["destructive"] = destroys
    if hints.get("openWorldHint") is True:
        operation.setdefault("x-mcp", {})["openWorld"] = True
    given = tool["inputSchema"]
    if mirrored := _mirrored(given.get("properties")):
        operation[MIRRORED] = mirrored
    if given.get("properties") or _ROOT & given.keys():
        schema = _keep(schemas, f"input{number}", given)
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    content = {}
    if isinstance(tool.get("outputSchema"), dict):
        content = {"schema": _keep(schemas, f"output{number}", tool["outputSchema"])}
    operation["responses"]["200"]["content"] = {"application/json": content}
    return {"query" if reads else "post": operation}


def _mirrored(properties: Any) -> dict[str, str]:
    """Return the arguments that clients repeat in a header, with the names (2026-07-28 server/tools)."""
    described = properties.items() if isinstance(properties, dict) else ()
    named = {key: one.get("x-mcp-header") for key, one in described if isinstance(one, dict)}
    return {key: name for key, name in named.items() if isinstance(name, str) and _TOKEN(name)}


def _keep(schemas: dict[str, Any], key: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Store a schema under a key of the document, and return a reference to it."""
    place = f"#/components/schemas/{key}"
    schemas[key] = _move({k: v for k, v in schema.items() if k != "$schema"}, place)
    return {"$ref": place}


def _move(node: Any, place: str) -> Any:
    """Let references within a schema point to its new place."""
    if isinstance(node, list):
        return [_move(item, place) for item in node]
    if not isinstance(node, dict):
        return node
    moved = {}
    for key, value in node.items():
        if key == "$ref" and isinstance(value, str) and value.startswith("#"):
            moved[key] = place + value[1:]
        else:
            moved[key] = value if key in _DATA else _move(value, place)
    return moved
