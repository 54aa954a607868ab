"""Prepared answers to `tools/list`, one for each set of allowed tools."""

from typing import Any

import orjson

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.meta_tools import META_TOOLS
from mcp_gateway.catalogue.tool import Tool, publish_tool
from mcp_gateway.server_features.apps import link_app

_MAX_BYTES = 16 << 20


class Listing:
    """Writes the list of the tools that a caller may see, and caches recent lists.

    A tool stays listed if only its scope is missing: a client that does not see the tool would
    never request that scope.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        """Take the catalogue, whose tools are in the order of the list."""
        self._catalogue = catalogue
        self._tools = tuple(
            (tool.name, orjson.dumps(self._publish(tool))) for tool in catalogue.tools.values()
        )
        self._written: dict[tuple[frozenset[str], bytes], bytes] = {}
        self._bytes = 0

    def write(self, allowed: frozenset[str], ending: bytes) -> bytes:
        """Write the result object; `ending` has the members that the era adds after the tools."""
        key = allowed, ending
        written = self._written.get(key)
        if written is None:
            if self._catalogue.is_searched(allowed):
                texts = [orjson.dumps(meta.published) for meta in META_TOOLS.values()]
            else:
                usable = self._catalogue.usable(allowed)
                texts = [text for name, text in self._tools if name in usable]
            written = b'{"tools":[' + b",".join(texts) + b"]" + ending
            self._keep(key, written)
        return written

    def _publish(self, tool: Tool) -> dict[str, Any]:
        # Clients without the extension ignore the link, and show the same answer as text.
        link = link_app(self._catalogue, tool)
        return publish_tool(tool) if link is None else {**publish_tool(tool), "_meta": link}

    def _keep(self, key: tuple[frozenset[str], bytes], written: bytes) -> None:
        self._written[key] = written
        self._bytes += len(written)
        while self._bytes > _MAX_BYTES:
            self._bytes -= len(self._written.pop(next(iter(self._written))))
