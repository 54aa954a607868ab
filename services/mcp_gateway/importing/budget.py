"""Propose which tools to leave out, so that the list fits into a number of tokens.

Every conversation pays for the list. The estimate is that of `gatepost tools tokens`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mcp_gateway.importing.proposal import Proposal, Proposed, choose
from mcp_gateway.openapi.words.paths import path_segments
from mcp_gateway.review.lint.token_cost import LIST_WARNING
from mcp_gateway.review.token_estimate import tool_tokens

USUAL = LIST_WARNING
_FEW = 6


@dataclass(frozen=True, slots=True)
class Budget:
    """What the exposed tools cost, and which of them to leave out."""

    tokens: int
    """The estimate for all exposed tools."""
    most: int
    """The largest number of tokens."""
    kept: tuple[Proposed, ...]
    dropped: tuple[Proposed, ...]


def find_budget(proposal: Proposal, most: int) -> Budget:
    """Keep the exposed tools that are nearest to an API's main objects, as many as fit.

    Of two tools the one with the shorter path is kept, then the cheaper one.
    """
    costs = {p.entry.name: tool_tokens(p.tool) for p in proposal.proposed if p.entry.expose}
    exposed = [p for p in proposal.proposed if p.entry.expose]
    kept: list[Proposed] = []
    left = most
    for one in sorted(exposed, key=lambda p: (_depth(p), costs[p.entry.name])):
        left -= costs[one.entry.name]
        if left < 0:
            break
        kept.append(one)
    names = {one.entry.name for one in kept}
    return Budget(
        tokens=sum(costs.values()),
        most=most,
        kept=tuple(p for p in exposed if p.entry.name in names),
        dropped=tuple(p for p in exposed if p.entry.name not in names),
    )


def apply_budget(proposal: Proposal, most: int) -> Proposal:
    """Expose only the tools that fit."""
    return choose(proposal, {p.entry.name for p in find_budget(proposal, most).kept})


def say_groups(tools: Sequence[Proposed]) -> str:
    """Count tools by their toolset, the largest first: `repos 20, issues 7`."""
    counts = Counter((p.entry.toolsets or ("without a toolset",))[0] for p in tools)
    said = [f"{name} {count}" for name, count in counts.most_common(_FEW)]
    rest = len(counts) - _FEW
    return ", ".join([*said, f"{rest} more toolset{'s' if rest > 1 else ''}"] if rest > 0 else said)


def _depth(proposed: Proposed) -> int:
    return sum("{" not in part for part in path_segments(proposed.found))
