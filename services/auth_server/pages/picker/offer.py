"""What a client may be given here: tools in groups a person can judge, and what is new among them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from auth_server.records.grants.table import Grant
from auth_server.records.tenants.policy import TenantPolicy
from auth_server.rendering.translation import translatable
from gatepost.catalogue import CatalogueDocument, ToolSummary
from gatepost.scopes import covers, expand_scopes, parse_scope


@dataclass(frozen=True, slots=True)
class ToolGroup:
    """Tools of one kind of effect."""

    key: str
    title: str
    explanation: str
    tools: tuple[ToolSummary, ...]

    def ticked(self, chosen: Collection[str]) -> int:
        """Count the tools among those chosen."""
        return sum(tool.name in chosen for tool in self.tools)


@dataclass(frozen=True, slots=True)
class Preset:
    """A choice made with one click."""

    key: str
    title: str
    kinds: tuple[str, ...]
    tools: frozenset[str]


@dataclass(frozen=True, slots=True)
class Offer:
    """Everything on offer.

    `asked`: what the person has not decided about before, everything where this is the first time.
    `decided`: what they allowed or left out before, and may decide anew. `kept`: what they allowed
    before and this request does not touch; it stays. `out_of_reach` counts the tools that the asked
    scopes don't reach, `closed` those that the tenant's policy forbids. `suggested` is ticked when
    the page is first shown.
    """

    asked: tuple[ToolGroup, ...]
    decided: tuple[ToolGroup, ...]
    kept: tuple[ToolSummary, ...]
    out_of_reach: int
    closed: int
    suggested: frozenset[str]

    @property
    def tools(self) -> tuple[ToolSummary, ...]:
        """Every tool that may be chosen."""
        return tuple(tool for group in (*self.asked, *self.decided) for tool in group.tools)

    @property
    def names(self) -> frozenset[str]:
        """The names of those."""
        return frozenset(tool.name for tool in self.tools)

    @property
    def presets(self) -> tuple[Preset, ...]:
        """The choices with one click, from careful to daring; none where they would be the same."""
        sets = (
            ("read", translatable("Read only"), ("read",)),
            ("change", translatable("Read and write"), ("read", "change")),
            ("all", translatable("Everything requested"), ("read", "change", "delete")),
        )
        found: dict[frozenset[str], Preset] = {}
        for key, title, kinds in sets:
            tools = frozenset(tool.name for tool in self.tools if kind_of(tool) in kinds)
            if tools:
                # Of two that come to the same, the one that says more is true as well.
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
    """Tell what a tool does at worst: `read`, `change` or `delete`."""
    if tool.read_only:
        return "read"
    return "delete" if tool.destructive else "change"


def make_offer(
    catalogue: CatalogueDocument,
    scopes: Collection[str],
    policy: TenantPolicy,
    *,
    before: Grant | None = None,
    shown_before: CatalogueDocument | None = None,
) -> Offer:
    """Group the tools that the asked scopes reach and the tenant allows.

    A tool counts as decided about where the person saw it, with the same effect and scope, on an
    earlier page. Of the others these are ticked: everything but lasting effects the first time;
    later only what a newly asked scope reaches, and lasting effects where it reaches nothing else,
    so that the request can be about nothing else. A tool that joined the catalogue under a scope
    that was allowed before starts unticked (A165).

    Args:
        catalogue: the tool list that is shown.
        scopes: what the client asks for; a tool whose scope they do not cover is not on offer.
        policy: the tenant's.
        before: the live grant of the same person, client, tenant and resource.
        shown_before: the tool list that the person was shown for it.
    """
    allowed = [tool for tool in catalogue.tools if tool.read_only or not policy.read_only]
    reached = [tool for tool in allowed if covers(scopes, tool.scope)]
    asked_before = parse_scope(before.asked_scope) if before is not None else frozenset()
    seen = {_judged(tool) for tool in shown_before.tools} if shown_before is not None else set()

    def is_decided(tool: ToolSummary) -> bool:
        return covers(asked_before, tool.scope) and _judged(tool) in seen

    newly_reached = [tool for tool in reached if not covers(asked_before, tool.scope)]
    about_lasting_effects = all(tool.destructive for tool in newly_reached)

    def suggest(tool: ToolSummary) -> bool:
        if is_decided(tool):
            return before is not None and tool.name in before.tools
        if before is None:
            return not tool.destructive
        return tool in newly_reached and (not tool.destructive or about_lasting_effects)

    had = frozenset(before.tools) if before is not None else frozenset()
    return Offer(
        asked=_group(tool for tool in reached if not is_decided(tool)),
        decided=_group(tool for tool in reached if is_decided(tool)),
        kept=tuple(
            tool
            for tool in allowed
            if tool.name in had and tool not in reached and is_decided(tool)
        ),
        out_of_reach=len(allowed) - len(reached),
        closed=len(catalogue.tools) - len(allowed),
        suggested=frozenset(tool.name for tool in reached if suggest(tool)),
    )


def scopes_for(
    catalogue: CatalogueDocument, tools: Collection[str], asked: Collection[str]
) -> frozenset[str]:
    """Keep of the asked scopes just what the chosen tools need."""
    needed = {tool.scope for tool in catalogue.tools if tool.name in tools}
    return frozenset(needed) & expand_scopes(frozenset(asked))


def _judged(tool: ToolSummary) -> tuple[str, str, str]:
    return tool.name, kind_of(tool), tool.scope


def _group(tools: Iterable[ToolSummary]) -> tuple[ToolGroup, ...]:
    listed = tuple(tools)
    groups = (
        ToolGroup(key, title, explanation, tuple(t for t in listed if kind_of(t) == key))
        for key, title, explanation in _GROUPS
    )
    return tuple(group for group in groups if group.tools)
