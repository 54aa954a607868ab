"""What a client may be given here: the tools its scopes reach, in groups a person can judge."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from gatepost.catalogue import CatalogueDocument, ToolSummary
from gatepost.scopes import covers, expand_scopes


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """One tool with its checkbox as it is first shown."""

    tool: ToolSummary
    checked: bool


@dataclass(frozen=True, slots=True)
class ToolGroup:
    """Tools of one kind of effect."""

    key: str
    title: str
    explanation: str
    tools: tuple[OfferedTool, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """Everything on offer, and how many tools the asked scopes do not reach."""

    groups: tuple[ToolGroup, ...]
    out_of_reach: int

    @property
    def names(self) -> frozenset[str]:
        """Every tool that may be chosen."""
        return frozenset(entry.tool.name for group in self.groups for entry in group.tools)


_GROUPS = (
    ("read", "Look things up", "Reads data. Changes nothing."),
    ("change", "Make changes", "Creates and updates data in your name."),
    ("delete", "Delete and other lasting effects", "Can't be undone. Off unless you turn it on."),
)


def _kind(tool: ToolSummary) -> str:
    if tool.read_only:
        return "read"
    return "delete" if tool.destructive else "change"


def make_offer(
    catalogue: CatalogueDocument,
    scopes: Collection[str],
    *,
    chosen_before: Collection[str] | None = None,
) -> Offer:
    """Group the tools that the asked scopes reach.

    Args:
        catalogue: the tool list that is shown.
        scopes: what the client asks for; a tool whose scope they do not cover is not on offer.
        chosen_before: the tools of this connection's last consent, which are then the ones
            checked; without one, everything is but lasting effects.
    """
    reachable = [tool for tool in catalogue.tools if covers(scopes, tool.scope)]

    def offered(tools: Iterable[ToolSummary]) -> tuple[OfferedTool, ...]:
        return tuple(
            OfferedTool(
                tool,
                checked=not tool.destructive
                if chosen_before is None
                else tool.name in chosen_before,
            )
            for tool in tools
        )

    groups = tuple(
        ToolGroup(key, title, explanation, offered(t for t in reachable if _kind(t) == key))
        for key, title, explanation in _GROUPS
    )
    return Offer(
        groups=tuple(group for group in groups if group.tools),
        out_of_reach=len(catalogue.tools) - len(reachable),
    )


def scopes_for(
    catalogue: CatalogueDocument, tools: Collection[str], asked: Collection[str]
) -> frozenset[str]:
    """Keep of the asked scopes just what the chosen tools need."""
    needed = {tool.scope for tool in catalogue.tools if tool.name in tools}
    return frozenset(needed) & expand_scopes(frozenset(asked))
