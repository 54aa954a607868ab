"""`gatepost tools tokens`: estimate how many tokens the tool list costs in every conversation."""

from pathlib import Path

import click

from gatepost_cli.terminal import echo
from mcp_gateway.catalogue.meta_tools import META_TOOLS
from mcp_gateway.review.commands.options import load, manifest_file
from mcp_gateway.review.token_estimate import count_tokens, tool_tokens


@click.command()
@manifest_file
def tokens(path: Path) -> None:
    """Estimate the tokens of each tool and of the whole list, the most expensive first."""
    catalogue = load(path)[2]
    costs = {name: tool_tokens(tool) for name, tool in catalogue.tools.items()}
    for name, cost in sorted(costs.items(), key=lambda item: (-item[1], item[0])):
        echo(f"{cost:7}  {name}")
    echo(f"{sum(costs.values()):7}  all {len(costs)} tools (an estimate)")
    if catalogue.search_above is not None and len(costs) > catalogue.search_above:
        listed = sum(count_tokens(meta.published) for meta in META_TOOLS.values())
        echo(f"{listed:7}  listed instead of them, because of search_above")
