"""`gatepost tools tokens`: estimate how many tokens the tool list costs in every conversation."""

from pathlib import Path

import click
from pydantic import BaseModel, ConfigDict

from gatepost_cli.terminal import echo, json_option, print_rows
from mcp_gateway.catalogue.meta_tools import META_TOOLS
from mcp_gateway.review.commands.options import load, manifest_file
from mcp_gateway.review.token_estimate import count_tokens, tool_tokens


class ToolTokens(BaseModel):
    """A tool that is exposed, and the tokens that it costs in every conversation."""

    model_config = ConfigDict(frozen=True)

    name: str
    tokens: int


@click.command()
@manifest_file
@json_option
def tokens(path: Path, as_json: bool) -> None:
    """Estimate the tokens of each tool and of the whole list, the most expensive first."""
    catalogue = load(path)[2]
    costs = {name: tool_tokens(tool) for name, tool in catalogue.tools.items()}
    ordered = sorted(costs.items(), key=lambda item: (-item[1], item[0]))
    print_rows(
        [ToolTokens(name=name, tokens=cost) for name, cost in ordered],
        lambda one: f"{one.tokens:7}  {one.name}",
        as_json=as_json,
        none="No tool is exposed.",
    )
    if as_json:
        return
    echo(f"{sum(costs.values()):7}  all {len(costs)} tools (an estimate)")
    if catalogue.search_above is not None and len(costs) > catalogue.search_above:
        listed = sum(count_tokens(meta.published) for meta in META_TOOLS.values())
        echo(f"{listed:7}  listed instead of them, because of search_above")
