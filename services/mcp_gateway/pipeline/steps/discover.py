"""Answer the tools about tools, for callers who may use more than are listed."""

from collections.abc import Awaitable
from typing import Any

import orjson

from mcp_gateway.catalogue.discovery import DESCRIBE, FOUND, META_TOOLS, SEARCH, MetaTool
from mcp_gateway.catalogue.healing import heal
from mcp_gateway.catalogue.tool import Tool, publish_tool
from mcp_gateway.pipeline.call import Next, ToolCall, ToolResult, UnknownTool
from mcp_gateway.pipeline.steps.validate_arguments import refuse_arguments

_LONGEST = 300
"""Characters of a description among what was found; `describe_tool` shows all of it."""


def discover(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
    """Search among, or describe, what the caller may use; anything else doesn't exist.

    Raises:
        UnknownTool: the tool to describe doesn't exist, or is not allowed.
    """
    meta = META_TOOLS.get(call.name)
    if meta is None or not call.parts.catalogue.is_searched(call.caller.allowed_tools):
        return go_on(call)
    return _discover(call, meta)


async def _discover(call: ToolCall, meta: MetaTool) -> ToolResult:
    given = heal(meta.input_schema, call.arguments)
    if problems := meta.validate(given):
        return refuse_arguments(problems)
    if call.name == SEARCH:
        return _answer({"tools": _search(call, given["query"], given.get("limit", FOUND))})
    if call.name == DESCRIBE:
        return _answer(publish_tool(_find(call, given["name"])))
    # `unwrap_execute` left it: the tool inside is one of these three, which are no tools of its.
    raise UnknownTool(given["name"])


def _find(call: ToolCall, name: str) -> Tool:
    tool = call.parts.catalogue.tools.get(name)
    if tool is None or not _may_see(call, tool):
        raise UnknownTool(name)
    return tool


def _search(call: ToolCall, query: str, most: int) -> list[dict[str, Any]]:
    found = call.parts.catalogue.index.search(query, lambda tool: _may_see(call, tool), most)
    return [
        {
            "name": tool.name,
            "title": tool.title,
            "description": _shorten(tool.description),
            "arguments": list(tool.input_schema["properties"]),
            "reads_only": tool.read_only,
        }
        for tool in found
    ]


def _may_see(call: ToolCall, tool: Tool) -> bool:
    return tool.name in call.parts.catalogue.usable(call.caller.allowed_tools)


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _answer(content: dict[str, Any]) -> ToolResult:
    return ToolResult([{"type": "text", "text": orjson.dumps(content).decode()}], content)
