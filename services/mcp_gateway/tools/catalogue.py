"""The catalogue: every tool a gateway serves, fixed until the next load."""

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

import orjson

from gatepost.catalogue import CatalogueDocument, ToolSummary
from mcp_gateway.tools.tool import Tool


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Tools by name, in the order of their names."""

    name: str
    """What people call the product."""
    hash: str
    """SHA-256, in hex, of all that a model or a person sees of the tools and of how they are sent.
    """
    tools: Mapping[str, Tool]

    @classmethod
    def of(cls, name: str, tools: Iterable[Tool]) -> Self:
        """Put tools in order and fingerprint them; the same tools always give the same hash."""
        ordered = {tool.name: tool for tool in sorted(tools, key=lambda tool: tool.name)}
        content = {"name": name, "tools": [_plain(tool) for tool in ordered.values()]}
        canonical = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
        return cls(name, hashlib.sha256(canonical).hexdigest(), MappingProxyType(ordered))

    def document(self, resource: str) -> CatalogueDocument:
        """Describe the tools to the authorization server, for its consent pages."""
        return CatalogueDocument(
            resource=resource,
            name=self.name,
            hash=self.hash,
            tools=tuple(
                ToolSummary(
                    name=tool.name,
                    title=tool.title,
                    description=tool.description,
                    scope=tool.scope,
                    toolsets=tool.toolsets,
                    read_only=tool.read_only,
                    destructive=tool.destructive,
                )
                for tool in self.tools.values()
            ),
        )


def _plain(value: Any) -> Any:
    """Turn a value into what JSON can say, the same way each time; functions say nothing."""
    if dataclasses.is_dataclass(value):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return {name: _plain(item) for name, item in fields.items() if not callable(item)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 63:
        return str(value)
    return value
