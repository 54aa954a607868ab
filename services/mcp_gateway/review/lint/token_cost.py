"""Every conversation pays for the tool list, whether or not the tools are used."""

from collections.abc import Iterator

from mcp_gateway.review.lint.finding import Finding, ReviewedManifest
from mcp_gateway.review.token_estimate import tool_tokens

TOOL_WARNING = 2_000
TOOL_ERROR = 8_000
LIST_WARNING = 20_000
MOST_TOOLS = 40


def token_cost(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Report tools and lists that cost too many tokens."""
    catalogue = reviewed.catalogue
    costs = {name: tool_tokens(tool) for name, tool in catalogue.tools.items()}
    for name, cost in costs.items():
        if cost > TOOL_WARNING:
            yield Finding(
                name,
                "error" if cost > TOOL_ERROR else "warning",
                f"it costs about {cost} tokens in every list",
                "shorten its description, or bind arguments that never change",
            )
    if catalogue.search_above is not None and len(costs) > catalogue.search_above:
        return
    fix = "expose fewer, or set `search_above` so that they are found by search"
    if len(costs) > MOST_TOOLS:
        yield Finding("", "warning", f"{len(costs)} tools are listed at once", fix)
    if sum(costs.values()) > LIST_WARNING:
        yield Finding("", "warning", f"the list costs about {sum(costs.values())} tokens", fix)
