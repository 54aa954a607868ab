"""The catalogue document, in which a gateway describes its tools for the consent page.

The gateway serves it at `CATALOGUE_PATH` only to the authorization server, which stores each version
under `hash`, so that a grant records exactly which tools the page showed.
"""

import asyncio
from collections.abc import Iterable, Mapping

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter

from gatepost.allowed_tools import Toolsets
from gatepost.scopes import covers

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
    former: tuple[str, ...] = ()
    """The names that the tool had before."""
    api: str = ""
    """The name of the tool's API among several; empty if the gateway has only one, or is older."""
    calls: tuple[str, ...] = ()
    """The titles of the tools that a composite tool calls."""
    bounds: tuple[str, ...] | None = None
    """What limits each call: `bind:CLAIM` and `check:CLAIM` for the claims that fill arguments and that
    answers must match, and `approval`. None if an older gateway did not say."""

    def needs_no_more_than(self, other: "ToolSummary") -> bool:
        """Tell whether a person who allowed `other` has allowed at least what this tool does."""
        return (
            covers({other.scope}, self.scope)
            and self.read_only >= other.read_only
            and self.destructive <= other.destructive
            and self.confirms >= other.confirms
            and other.bounds is not None
            and other.api in {"", self.api}
            and set(other.bounds) <= set(self.bounds or ())
            and set(self.calls) <= set(other.calls)
        )


class ApiSummary(_Frozen):
    """One of several APIs as a person sees it."""

    name: str
    title: str


class CatalogueDocument(_Frozen):
    """Every tool of a resource; `hash` changes with anything that a model or a person sees."""

    resource: str
    name: str
    hash: str
    tools: tuple[ToolSummary, ...]
    asks_purpose: bool = False
    """Whether models are asked to say what they are trying to do with each call."""
    apis: tuple[ApiSummary, ...] = ()
    """The APIs of the tools, in the order of the gateway's settings; none if the gateway has only one."""
    renamed: Mapping[str, str] = {}
    """Former names that allow the tool of a present name, as `prove_renames` found. The authorization
    server adds them; a gateway's document has none."""
    taken: Mapping[str, tuple[str, str]] = {}
    """Names that were another API's first, with that API and the present one. The authorization server
    adds them, as it does `gone`."""
    gone: Mapping[str, str] = {}
    """Names that no tool has any more, with the API that had each first."""

    def first_api(self, name: str) -> str | None:
        """Return the API that had a name first, if the present tool of that name does not tell."""
        return self.taken[name][0] if name in self.taken else self.gone.get(name)

    def find(self, name: str) -> ToolSummary | None:
        """Look a tool up by name."""
        return next((tool for tool in self.tools if tool.name == name), None)

    def include_renamed(self, names: Iterable[str]) -> frozenset[str]:
        """Add to the names that a person allowed the present names of the same tools."""
        allowed = frozenset(names)
        return allowed.union(now for old, now in self.renamed.items() if old in allowed)

    def follow_renamed(self, names: Iterable[str]) -> frozenset[str]:
        """Replace former names that a person declined by the present ones, whether these need more or not."""
        known = {tool.name for tool in self.tools}
        now = {old: tool.name for tool in self.tools for old in tool.former} | dict(self.renamed)
        return frozenset(name if name in known else now.get(name, name) for name in names)

    def group_tools(self) -> Toolsets:
        """Group the tools by toolset, to read and write `allowed_tools`."""
        return Toolsets.of(
            {tool.name: tool.toolsets for tool in self.tools}, renamed=dict(self.renamed)
        )


def prove_renames(after: CatalogueDocument, before: CatalogueDocument) -> dict[str, str]:
    """Return the former names of tools for which consent also holds under the present name.

    A rename must not allow more than a person allowed: the tool needs no more than it did under the
    former name, and was not a tool of its own beside it, about which people have decided. A name stays
    proven for as long as that is true, even when the tool no longer lists it.
    """
    old, new = ({tool.name: tool for tool in one.tools} for one in (before, after))
    renamed = {
        name: tool.name
        for tool in after.tools
        for name in tool.former
        if name in old
        and tool.name not in old
        # What moved to several APIs keeps its names; a former name may be another API's.
        and tool.api == old[name].api
        and tool.needs_no_more_than(old[name])
    }
    for name, then in before.renamed.items():
        now = renamed.get(then, then)
        if (
            name not in new
            and then in old
            and now in new
            and new[now].needs_no_more_than(old[then])
        ):
            renamed.setdefault(name, now)
    return renamed


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
    members = document.model_dump(exclude={"tools", "taken", "gone"})
    tools = orjson.Fragment(b"[" + b",".join(parts) + b"]")
    return orjson.dumps({**members, "tools": tools}).decode()
