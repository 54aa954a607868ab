"""Say in ten lines what an agent gets from an import."""

from collections import Counter
from collections.abc import Sequence

from mcp_gateway.importing.budget import USUAL, say_groups
from mcp_gateway.importing.proposal import Proposal, Proposed
from mcp_gateway.importing.set_aside import is_deprecated
from mcp_gateway.review.token_estimate import BYTES_PER_TOKEN, tool_tokens

_FEW = 6


def summarise(proposal: Proposal) -> list[str]:
    """Count the operations, and describe the tools that agents get."""
    exposed = [p for p in proposal.proposed if p.entry.expose]
    hidden = [p for p in proposal.proposed if not p.entry.expose]
    total = len(proposal.proposed) + len(proposal.refused) + proposal.unselected
    lines = [
        f"{proposal.name}: {total} operations",
        f"  {len(exposed):5} exposed{_say_verbs(exposed)}",
        f"  {len(hidden):5} not exposed until you remove their `expose: false`{_say_why(hidden)}",
        f"  {len(proposal.refused):5} refused",
    ]
    if proposal.unselected:
        lines.append(f"  {proposal.unselected:5} not selected")
    return [*lines, *_describe(exposed)] if exposed else lines


def _describe(exposed: Sequence[Proposed]) -> list[str]:
    """Describe the exposed tools: their toolsets, tenants, pages and tokens."""
    bound = sum(bool(p.entry.bind) for p in exposed)
    lists = [p for p in exposed if p.entry.name.startswith(("list_", "search_"))]
    paged = sum(p.tool.compiled_shape.pages is not None for p in lists)
    costs = {p.entry.name: tool_tokens(p.tool) for p in exposed}
    largest = max(costs, key=lambda name: costs[name])
    tokens = (
        f"  tokens: about {sum(costs.values())} for the list in every conversation, of {USUAL} that "
        f"are usual; most of them, {costs[largest]}, for {largest} (one token is "
        f"{BYTES_PER_TOKEN} bytes)"
    )
    return [
        f"  toolsets: {say_groups(exposed)}",
        f"  tenant: the token fills it in {bound} of {len(exposed)} tools",
        f"  pages: {paged} of {len(lists)} listings can be read page by page",
        tokens,
    ]


def _say_verbs(tools: Sequence[Proposed]) -> str:
    """Count the verbs of names: `: 5 list, 4 get`."""
    counts = Counter(p.entry.name.partition("_")[0] for p in tools)
    said = [f"{count} {verb}" for verb, count in counts.most_common(_FEW)]
    rest = sum(counts.values()) - sum(count for _, count in counts.most_common(_FEW))
    return f": {', '.join([*said, f'{rest} other'] if rest else said)}" if said else ""


def _say_why(tools: Sequence[Proposed]) -> str:
    """Count the reasons not to expose tools; the first one counts."""
    reasons = Counter(
        "never exposed"
        if p.withheld
        else "set aside"
        if p.set_aside
        else "deprecated"
        if is_deprecated(p.found)
        else "destructive"
        if p.tool.destructive
        else "change data"
        if not p.tool.read_only
        else "to decide"
        for p in tools
    )
    said = [f"{count} {reason}" for reason, count in reasons.most_common()]
    return f" ({', '.join(said)})" if said else ""
