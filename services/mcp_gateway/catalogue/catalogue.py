"""The catalogue: every tool that the gateway serves, immutable until the next load."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Self, TypeVar

import orjson

from gatepost.allowed_tools import Toolsets
from gatepost.catalogue import ApiSummary, CatalogueDocument, ToolSummary, prove_renames
from gatepost.scopes import READ, format_scope
from mcp_gateway.catalogue.prompts import Prompt
from mcp_gateway.catalogue.resources import McpResource, McpResourceTemplate, Skill, Webhook
from mcp_gateway.catalogue.search import SearchIndex
from mcp_gateway.catalogue.security_scheme import SecurityScheme
from mcp_gateway.catalogue.tool import FormerName, Icon, Tool
from mcp_gateway.named_tools import find_tools

_MAX_CACHED = 1000


_Naming = TypeVar("_Naming", Prompt, Skill)


@dataclass(frozen=True, slots=True)
class Appearance:
    """What clients may show of the server besides its name."""

    website: str = ""
    icons: tuple[Icon, ...] = ()


@dataclass(frozen=True, slots=True)
class ApiPart:
    """What a catalogue knows of one API besides its tools."""

    title: str
    """The API's name for people."""
    schemes: Mapping[str, SecurityScheme] = field(default_factory=dict)
    """The document's security schemes, for the operator's credentials."""
    is_mcp: bool = False
    """Whether the API is an MCP server itself."""
    webhooks: tuple[Webhook, ...] = ()
    """The webhooks by which the API tells of changes."""
    appearance: Appearance = field(default_factory=Appearance)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The tools, prompts and resources by name, sorted by name."""

    name: str
    """The product's name."""
    hash: str
    """SHA-256, in hex, of everything that models and people see, and of how requests are sent."""
    tools: Mapping[str, Tool]
    prompts: Mapping[str, Prompt] = field(default_factory=dict)
    resources: Mapping[str, McpResource] = field(default_factory=dict)
    templates: Mapping[str, McpResourceTemplate] = field(default_factory=dict)
    """MCP resources that a tool reads."""
    skills: Mapping[str, Skill] = field(default_factory=dict)
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)
    """The webhooks by which APIs tell of changes."""
    told_templates: frozenset[str] = frozenset()
    """The URI templates of MCP resources of whose changes a webhook tells."""
    search_above: int | None = None
    """Callers who may use more tools than this find them by search; None lists every tool."""
    apis: Mapping[str, ApiPart] = field(default_factory=dict)
    """The APIs by name; the name of a gateway's only API may be empty."""
    appearance: Appearance = field(default_factory=Appearance)
    """That of the first API."""
    index: SearchIndex = field(default_factory=lambda: SearchIndex(()))
    toolsets: Toolsets = field(default_factory=lambda: Toolsets.of({}))
    former: Mapping[str, tuple[Tool, FormerName]] = field(default_factory=dict)
    """Former names of tools, with the tool that has the name no more."""
    _usable: dict[frozenset[str], frozenset[str]] = field(default_factory=dict, compare=False)

    @classmethod
    def of(
        cls,
        name: str,
        tools: Iterable[Tool],
        *,
        prompts: Iterable[Prompt] = (),
        resources: Iterable[McpResource] = (),
        templates: Iterable[McpResourceTemplate] = (),
        skills: Iterable[Skill] = (),
        search_above: int | None = None,
        apis: Mapping[str, ApiPart] | None = None,
    ) -> Self:
        """Sort and fingerprint the content; the same content always has the same hash."""
        by_name = {tool.name: tool for tool in sorted(tools, key=lambda tool: tool.name)}
        spelled = {one.name: tool.name for tool in by_name.values() for one in tool.former}
        spelled |= {name: name for name in by_name}
        prompts = sorted(
            (_with_tools(one, spelled) for one in prompts), key=lambda prompt: prompt.name
        )
        resources = sorted(resources, key=lambda resource: resource.name)
        templates = sorted(templates, key=lambda template: template.name)
        appearance = next((part.appearance for part in (apis or {}).values()), Appearance())
        webhooks = [one for part in (apis or {}).values() for one in part.webhooks]
        skills = sorted((_with_tools(one, spelled) for one in skills), key=lambda skill: skill.name)
        content: dict[str, Any] = {
            "name": name,
            "tools": list(by_name.values()),
            "prompts": prompts,
            "resources": resources,
            "templates": templates,
            "search_above": search_above,
            **({"skills": skills} if skills else {}),
            **({"webhooks": webhooks} if webhooks else {}),
            **({"appearance": appearance} if appearance != Appearance() else {}),
        }
        titles = {api: part.title for api, part in (apis or {}).items() if api}
        if titles:
            content["apis"] = titles
        searched = search_above is not None and len(by_name) > search_above
        return cls(
            name=name,
            hash=_digest(content),
            tools=MappingProxyType(by_name),
            prompts=MappingProxyType({prompt.name: prompt for prompt in prompts}),
            resources=MappingProxyType({resource.name: resource for resource in resources}),
            templates=MappingProxyType({template.name: template for template in templates}),
            skills=MappingProxyType({skill.name: skill for skill in skills}),
            webhooks=MappingProxyType({webhook.name: webhook for webhook in webhooks}),
            told_templates=frozenset(
                template
                for webhook in webhooks
                for change in webhook.on.values()
                for template, _ in change.updates
            ),
            search_above=search_above,
            apis=apis or {},
            appearance=appearance,
            index=SearchIndex(by_name.values() if searched else ()),
            toolsets=Toolsets.of(
                {tool.name: tool.toolsets for tool in by_name.values()},
                former={one.name: tool.name for tool in by_name.values() for one in tool.former},
            ),
            former={
                one.name: (tool, one)
                for tool in by_name.values()
                for one in tool.former
                if one.name not in by_name
            },
        )

    def with_tools(self, tools: Iterable[Tool]) -> Self:
        """Return a copy with other tools, and without the MCP resources that a missing tool would read."""
        kept = list(tools)
        names = {tool.name for tool in kept}
        return self.of(
            self.name,
            kept,
            prompts=self.prompts.values(),
            resources=self.resources.values(),
            templates=[one for one in self.templates.values() if one.tool in names],
            skills=self.skills.values(),
            search_above=self.search_above,
            apis=self.apis,
        )

    def after(self, former: Self) -> Self:
        """Return a copy that also understands tokens issued for a former catalogue.

        A former name in them allows the tool, if the tool needs no more than it did under that name.
        """
        before = former.document("").model_copy(update={"renamed": former.toolsets.renamed})
        renamed = prove_renames(self.document(""), before)
        return dataclasses.replace(self, toolsets=self.toolsets.after(former.toolsets, renamed))

    def usable(self, allowed: frozenset[str]) -> frozenset[str]:
        """Return the names of the tools that a token's `allowed_tools` allow; cached by value."""
        names = self._usable.get(allowed)
        if names is None:
            names = self.toolsets.expand(allowed)
            if len(self._usable) >= _MAX_CACHED:
                del self._usable[next(iter(self._usable))]
            self._usable[allowed] = names
        return names

    def is_searched(self, allowed: frozenset[str]) -> bool:
        """Tell whether a caller with these allowed tools searches for tools instead of listing them."""
        return self.search_above is not None and len(self.usable(allowed)) > self.search_above

    def tools_of(self, api: str) -> Iterator[Tool]:
        """Yield the tools of one API that send requests, also those that only other tools need."""
        seen: set[str] = set()
        for tool in self.tools.values():
            calls = () if tool.composite is None else tool.composite.calls
            asked = () if tool.task is None else tool.task.asked
            for one in ([call.tool for call in calls] or [tool]) + [one.tool for one in asked]:
                if one.api == api and one.name not in seen:
                    seen.add(one.name)
                    yield one

    def schemes_of(self, api: str) -> Mapping[str, SecurityScheme]:
        """Return the security schemes of one API's document."""
        return self.apis[api].schemes if api in self.apis else {}

    def is_mcp(self, api: str) -> bool:
        """Tell whether an API is an MCP server itself."""
        return api in self.apis and self.apis[api].is_mcp

    @property
    def starts_jobs(self) -> bool:
        """Whether a tool starts a job of the API that clients follow."""
        return any(tool.task is not None for tool in self.tools.values())

    @property
    def asks_purpose(self) -> bool:
        """Whether tools have an argument by which a model says what it is trying to do."""
        return any(tool.purpose for tool in self.tools.values())

    @property
    def scope(self) -> str:
        """Every scope that a tool needs, as one scope value; `mcp:read` without any tool."""
        return format_scope({tool.scope for tool in self.tools.values()} or {READ})

    def document(self, resource: str) -> CatalogueDocument:
        """Return the tool list that the authorization server shows on its consent pages."""
        return CatalogueDocument(
            resource=resource,
            name=self.name,
            hash=self.hash,
            asks_purpose=self.asks_purpose,
            tools=tuple(
                ToolSummary(
                    name=tool.name,
                    title=tool.title,
                    description=tool.description,
                    scope=tool.scope,
                    toolsets=tool.toolsets,
                    read_only=tool.read_only,
                    destructive=tool.destructive,
                    confirms=tool.confirm is not None,
                    former=tuple(one.name for one in tool.former),
                    bounds=_bounds(tool),
                    api=tool.api,
                    calls=() if tool.composite is None else tool.composite.titles,
                )
                for tool in self.tools.values()
            ),
            apis=tuple(
                ApiSummary(name=name, title=part.title) for name, part in self.apis.items() if name
            ),
        )


def _bounds(tool: Tool) -> tuple[str, ...]:
    bounds = {f"bind:{claim}" for claim in tool.bindings.values()}
    bounds |= {f"check:{check.claim}" for check in tool.checks}
    if tool.composite is not None:
        bounds = set.intersection(*(set(_bounds(call.tool)) for call in tool.composite.calls))
    return tuple(sorted(bounds | ({"approval"} if tool.approval else set())))


def fingerprint(tool: Tool) -> str:
    """Return the SHA-256, in hex, of one tool: what callers see, and how its requests are sent."""
    return _digest(tool)


_FORMAT = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS


def _with_tools(one: _Naming, spelled: Mapping[str, str]) -> _Naming:
    """Return a prompt or skill that needs every tool that it names."""
    needed = {*one.tools, *find_tools(one.said, spelled)}
    return dataclasses.replace(one, tools=tuple(sorted(needed)))


def _digest(content: Any) -> str:
    return hashlib.sha256(orjson.dumps(content, _plain, _FORMAT)).hexdigest()


# Lock files hold fingerprints made under these names, and without the fields added since.
_FORMER_NAMES = {"compiled_shape": "shaping"}
_ADDED: Mapping[str, Any] = {
    "open_world": False,
    "fill": {},
    "purpose": "",
    "listed": None,
    "approval": False,
    "former": (),
    "app": None,
    "for_app": False,
    "api": "",
    "remote": "",
    "remote_headers": {},
    "composite": None,
    "task": None,
    "icons": (),
    "output": None,
}


def _plain(value: Any) -> Any:
    """Convert a value that is not JSON by itself, deterministically; functions are left out."""
    kind: Any = type(value)
    if (fields := _fields_of(kind)) is not None:
        names, read, added = fields
        pairs = zip(names, read(value), strict=False)
        items = {name: item for name, item in pairs if not callable(item)}
        for name in added:
            if items[name] == _ADDED[name]:
                del items[name]
        return items
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return list(value)
    raise TypeError


@cache
def _fields_of(
    kind: type,
) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]], tuple[str, ...]] | None:
    """Return a dataclass's fields as a fingerprint names them; None for another type.

    Returns:
        The names, a function that reads their values and more, and the names that were added later.
    """
    if not dataclasses.is_dataclass(kind):
        return None
    names = tuple(field.name for field in dataclasses.fields(kind))
    written = tuple(_FORMER_NAMES.get(name, name) for name in names)
    # A getter returns a tuple only if it reads several attributes, so this one always does.
    read = attrgetter(*names, "__class__", "__class__")
    return written, read, tuple(name for name in names if name in _ADDED)
