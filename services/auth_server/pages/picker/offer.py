"""Offer the tools that a client may get, grouped by effect and by whether they are new."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from auth_server.records.catalogues.names import held_by
from auth_server.records.grants.table import Grant
from auth_server.records.tenants.policy import TenantPolicy
from auth_server.rendering.translation import translatable
from gatepost.catalogue import CatalogueDocument, ToolSummary
from gatepost.scopes import covers, expand_scopes, parse_scope

_AT_ONCE = 1000
"""The most tools that are grouped in the event loop, within milliseconds."""


@dataclass(frozen=True, slots=True)
class ToolGroup:
    """Tools of one API with one kind of effect."""

    key: str
    title: str
    explanation: str
    tools: tuple[ToolSummary, ...]
    api: str = ""
    """The title of the API; empty if the gateway has only one."""

    def ticked(self, chosen: Collection[str]) -> int:
        """Count the chosen tools of this group."""
        return sum(tool.name in chosen for tool in self.tools)


@dataclass(frozen=True, slots=True)
class Preset:
    """A choice that a person can make with one click."""

    key: str
    title: str
    kinds: tuple[str, ...]
    tools: frozenset[str]


@dataclass(frozen=True)
class Offer:
    """The tools to choose from.

    `asked` contains the tools that the person has not decided about yet, and `decided` those that
    they allowed or left out before. `kept` contains the tools that they allowed before and this
    request does not concern. `beyond` contains other tools that a page names, although the client
    has not requested their scopes.
    `out_of_reach` counts the other tools that the requested scopes don't cover, `closed` those that
    the tenant's policy forbids. `suggested` is selected at first.
    """

    asked: tuple[ToolGroup, ...]
    decided: tuple[ToolGroup, ...]
    kept: tuple[ToolSummary, ...]
    out_of_reach: int
    closed: int
    suggested: frozenset[str]
    beyond: tuple[ToolGroup, ...] = ()

    @cached_property
    def tools(self) -> tuple[ToolSummary, ...]:
        """Every requested tool that can be chosen."""
        return tuple(tool for group in (*self.asked, *self.decided) for tool in group.tools)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the tools that can be chosen."""
        beyond = (tool for group in self.beyond for tool in group.tools)
        return frozenset(tool.name for tool in (*self.tools, *beyond))

    @cached_property
    def presets(self) -> tuple[Preset, ...]:
        """The presets, narrowest first; empty if they would all be the same."""
        sets = (
            ("read", translatable("Read only"), ("read",)),
            ("change", translatable("Read and write"), ("read", "change")),
            ("all", translatable("Everything requested"), ("read", "change", "delete")),
        )
        found: dict[frozenset[str], Preset] = {}
        groups = (*self.asked, *self.decided)
        for key, title, kinds in sets:
            tools = frozenset(
                tool.name for group in groups if group.key in kinds for tool in group.tools
            )
            if tools:
                # Of two presets with the same tools, the wider title is also true.
                found[tools] = Preset(key, title, kinds, tools)
        return tuple(found.values()) if len(found) > 1 else ()


_GROUPS = (
    ("read", translatable("Read"), translatable("Reads data without changing it.")),
    (
        "change",
        translatable("Write"),
        translatable("Creates and updates data on your behalf."),
    ),
    (
        "delete",
        translatable("Delete and other irreversible actions"),
        translatable("You can't undo these. They are off by default."),
    ),
)


def kind_of(tool: ToolSummary) -> str:
    """Return the strongest effect of a tool: `read`, `change` or `delete`."""
    if tool.read_only:
        return "read"
    return "delete" if tool.destructive else "change"


def titles_of_several(catalogue: CatalogueDocument) -> dict[str, str]:
    """Return the titles of the APIs under which pages show tools, by name; empty if there is only one."""
    return {one.name: one.title for one in catalogue.apis} if len(catalogue.apis) > 1 else {}


def make_offer(
    catalogue: CatalogueDocument,
    scopes: Collection[str],
    policy: TenantPolicy,
    *,
    also: Collection[str] = (),
    before: Grant | None = None,
    shown_before: CatalogueDocument | None = None,
) -> Offer:
    """Group the tools that the requested scopes cover and the tenant allows.

    The person has decided about a tool if an earlier page showed it with the same effect and scope.
    Of the other tools, the first page selects all except irreversible ones. Later pages select only
    those that a newly requested scope covers, with irreversible ones if it covers no others,
    because the request must then be about them. A tool that joined the catalogue under a scope that
    was allowed before is not selected (A165).

    Args:
        catalogue: the catalogue that the page shows.
        scopes: the requested scopes; tools that they don't cover are not offered.
        policy: the tenant's policy.
        also: names of tools that are offered although no requested scope covers them.
        before: the live grant of the same person, client, tenant and resource.
        shown_before: the catalogue that the person saw for that grant.
    """
    allowed = [tool for tool in catalogue.tools if tool.read_only or not policy.read_only]
    within = _covered(allowed, scopes)
    reached = [tool for tool in allowed if tool.scope in within]
    others = [tool for tool in allowed if tool.scope not in within]
    beyond = [tool for tool in others if tool.name in also]
    asked_before = parse_scope(before.asked_scope) if before is not None else frozenset()
    within_before = _covered(allowed, asked_before)
    had = held_by(catalogue, before.tools, before.apis) if before is not None else frozenset()
    titles = titles_of_several(catalogue)
    seen = {
        (catalogue.renamed.get(name, name), *judged)
        for name, *judged in map(_judged, shown_before.tools if shown_before is not None else ())
    }
    alike = {judged[:3] for judged in seen}

    def was_shown(tool: ToolSummary) -> bool:
        *judged, api = _judged(tool)
        if api and (*judged, api) in seen:
            return True
        # The page of a gateway with one API names none.
        names_none = not api or (*judged, "") in seen
        return names_none and tuple(judged) in alike and tool.name not in catalogue.taken

    decided = {
        tool.name
        for tool in (allowed if seen else ())
        if (tool.scope in within_before or tool.name in had) and was_shown(tool)
    }
    about_lasting_effects = all(
        tool.destructive for tool in reached if tool.scope not in within_before
    )

    def suggest(tool: ToolSummary) -> bool:
        if tool.name in decided:
            return tool.name in had
        if before is None:
            return not tool.destructive
        is_new = tool.scope not in within_before
        return is_new and (not tool.destructive or about_lasting_effects)

    return Offer(
        asked=_group((tool for tool in reached if tool.name not in decided), titles),
        decided=_group((tool for tool in reached if tool.name in decided), titles),
        kept=tuple(tool for tool in others if tool.name in had and tool.name in decided),
        out_of_reach=len(allowed) - len(reached) - len(beyond),
        closed=len(catalogue.tools) - len(allowed),
        suggested=frozenset(tool.name for tool in reached if suggest(tool)),
        beyond=_group(beyond, titles),
    )


async def offer_tools(
    catalogue: CatalogueDocument,
    scopes: Collection[str],
    policy: TenantPolicy,
    *,
    also: Collection[str] = (),
    before: Grant | None = None,
    shown_before: CatalogueDocument | None = None,
) -> Offer:
    """Make an offer as `make_offer` does, in a thread if the catalogue is large."""

    def make() -> Offer:
        offer = make_offer(
            catalogue, scopes, policy, also=also, before=before, shown_before=shown_before
        )
        _ = offer.names, offer.presets  # they are kept, so that no page computes them
        return offer

    return make() if len(catalogue.tools) <= _AT_ONCE else await asyncio.to_thread(make)


def scopes_for(
    catalogue: CatalogueDocument, tools: Collection[str], asked: Collection[str]
) -> frozenset[str]:
    """Narrow the requested scopes to those that the chosen tools need."""
    needed = {tool.scope for tool in catalogue.tools if tool.name in tools}
    return frozenset(needed) & expand_scopes(frozenset(asked))


def _covered(tools: Iterable[ToolSummary], scopes: Collection[str]) -> frozenset[str]:
    """Return the scopes of these tools that a list of scopes covers."""
    return frozenset(scope for scope in {tool.scope for tool in tools} if covers(scopes, scope))


def _judged(tool: ToolSummary) -> tuple[str, str, str, str]:
    return tool.name, kind_of(tool), tool.scope, tool.api


def _group(tools: Iterable[ToolSummary], titles: Mapping[str, str]) -> tuple[ToolGroup, ...]:
    """Group tools by API, in the order of their titles, and by effect."""
    by_kind: dict[tuple[str, str], list[ToolSummary]] = {}
    for tool in tools:
        api = tool.api if tool.api in titles else ""
        by_kind.setdefault((api, kind_of(tool)), []).append(tool)
    return tuple(
        ToolGroup(key, title, explanation, tuple(by_kind[api, key]), titles.get(api, ""))
        for api in ("", *titles)
        for key, title, explanation in _GROUPS
        if (api, key) in by_kind
    )
