"""Answer the meta-tools, for callers whose tools are too many to list."""

from collections.abc import Awaitable
from typing import Any

import orjson

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.coercion import coerce_arguments
from mcp_gateway.catalogue.meta_tools import DESCRIBE, FOUND, META_TOOLS, SEARCH, MetaTool
from mcp_gateway.catalogue.tool import Tool, publish_tool
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, UnknownTool, at_once
from mcp_gateway.pipeline.refuse_arguments import refuse_arguments
from mcp_gateway.pipeline.stated import clean_words

_LONGEST = 300
"""Characters of a description in search results; `describe_tool` shows all of it."""


def answer_meta_tools(catalogue: Catalogue) -> Step:
    """Search or describe the tools that the caller may use; others seem not to exist.

    Raises:
        UnknownTool: the tool to describe does not exist or is not allowed.
    """

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        meta = META_TOOLS.get(call.name)
        if meta is None or not catalogue.is_searched(call.caller.allowed_tools):
            return go_on(call)
        return at_once(_answer_meta_tool(catalogue, call, meta))

    return step


def _answer_meta_tool(catalogue: Catalogue, call: ToolCall, meta: MetaTool) -> ToolResult:
    given = coerce_arguments(meta.input_schema, call.arguments)
    if problems := meta.validate(given):
        return refuse_arguments(problems)
    usable = catalogue.usable(call.caller.allowed_tools)
    if call.name == SEARCH:
        found = catalogue.index.search(
            given["query"], lambda tool: tool.name in usable, given.get("limit", FOUND)
        )
        if not found:
            call.metrics.searched = clean_words(given["query"])
        return _answer({"tools": [summarise_tool(tool) for tool in found]})
    if call.name == DESCRIBE:
        former = catalogue.former.get(given["name"])
        tool = catalogue.tools.get(given["name"]) if former is None else former[0]
        if tool is not None and tool.name in usable:
            return _answer(publish_tool(tool))
    # A call of one of these three through `execute_tool`, which `unwrap_execute` does not unwrap.
    raise UnknownTool(given["name"])


def summarise_tool(tool: Tool) -> dict[str, Any]:
    """Describe a tool in the results of a search."""
    return {
        "name": tool.name,
        "title": tool.title,
        "description": _shorten(tool.description),
        "arguments": [name for name in tool.input_schema["properties"] if name != tool.purpose],
        "reads_only": tool.read_only,
    }


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _answer(content: dict[str, Any]) -> ToolResult:
    return ToolResult([{"type": "text", "text": orjson.dumps(content).decode()}], content)
