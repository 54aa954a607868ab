"""The catalogue document, in which a gateway describes its tools for the consent page.

The gateway serves it at `CATALOGUE_PATH` only to the authorization server, which stores each version
under `hash`, so that a grant records exactly which tools the page showed.
"""

import asyncio

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter

CATALOGUE_PATH = "/internal/catalogue"
_AT_ONCE = 200
"""The number of tools that are read or written before others get a turn of the event loop."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ToolSummary(_Frozen):
    """One tool as a person sees it, without its schema or its upstream operation."""

    name: str
    title: str
    description: str
    scope: str
    toolsets: tuple[str, ...] = ()
    read_only: bool
    destructive: bool
    confirms: bool = False
    """Whether a person confirms each call."""


class CatalogueDocument(_Frozen):
    """Every tool of a resource; `hash` changes with anything that a model or a person sees."""

    resource: str
    name: str
    hash: str
    tools: tuple[ToolSummary, ...]
    asks_purpose: bool = False
    """Whether models are asked to say what they are trying to do with each call."""

    def find(self, name: str) -> ToolSummary | None:
        """Look a tool up by name."""
        return next((tool for tool in self.tools if tool.name == name), None)


_SUMMARIES = TypeAdapter(tuple[ToolSummary, ...])


async def parse_catalogue(text: str | bytes) -> CatalogueDocument:
    """Read a catalogue document from JSON, in steps that don't hold the event loop.

    Raises:
        ValueError: it is not a catalogue document.
    """
    members = orjson.loads(text)
    listed = members.get("tools") if isinstance(members, dict) else None
    if not isinstance(listed, list):
        return CatalogueDocument.model_validate(members)  # Raises, as it lacks the tools.
    tools: list[ToolSummary] = []
    for start in range(0, len(listed), _AT_ONCE):
        tools += _SUMMARIES.validate_python(listed[start : start + _AT_ONCE])
        await asyncio.sleep(0)
    return CatalogueDocument.model_validate({**members, "tools": tuple(tools)})


async def format_catalogue(document: CatalogueDocument) -> str:
    """Write a catalogue document as JSON, in steps that don't hold the event loop."""
    parts: list[bytes] = []
    for start in range(0, len(document.tools), _AT_ONCE):
        parts.append(_SUMMARIES.dump_json(document.tools[start : start + _AT_ONCE])[1:-1])
        await asyncio.sleep(0)
    members = document.model_dump(exclude={"tools"})
    tools = orjson.Fragment(b"[" + b",".join(parts) + b"]")
    return orjson.dumps({**members, "tools": tools}).decode()
