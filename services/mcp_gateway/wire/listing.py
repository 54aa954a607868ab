"""`tools/list` as ready-made bytes, one per set of allowed tools."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from gatepost.allowed_tools import allows
from mcp_gateway.tools.tool import Tool

_MAX_BYTES = 16 << 20


class Listing:
    """Writes the tools a caller may see, remembering what was written lately.

    A tool whose scope alone is missing stays listed: without seeing it no client would ever ask
    for that scope.
    """

    def __init__(self, tools: Iterable[Tool]) -> None:
        """Take the catalogue's tools, in the order to list them."""
        self._tools = tuple((tool, orjson.dumps(describe_tool(tool))) for tool in tools)
        self._written: dict[tuple[frozenset[str], bytes], bytes] = {}
        self._bytes = 0

    def write(self, allowed: frozenset[str], ending: bytes) -> bytes:
        """Write the result object; `ending` is what the era adds after the tools."""
        key = allowed, ending
        written = self._written.get(key)
        if written is None:
            tools = b",".join(
                text for tool, text in self._tools if allows(allowed, tool.name, tool.toolsets)
            )
            written = b'{"tools":[' + tools + b"]" + ending
            self._keep(key, written)
        return written

    def _keep(self, key: tuple[frozenset[str], bytes], written: bytes) -> None:
        self._written[key] = written
        self._bytes += len(written)
        while self._bytes > _MAX_BYTES:
            self._bytes -= len(self._written.pop(next(iter(self._written))))


def describe_tool(tool: Tool) -> Mapping[str, Any]:
    """Describe a tool as every revision since 2025-06-18 does; older clients skip what is new."""
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.input_schema,
        "annotations": {
            "title": tool.title,
            "readOnlyHint": tool.read_only,
            "destructiveHint": tool.destructive,
            "idempotentHint": tool.idempotent,
        },
    }
