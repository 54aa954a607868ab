"""`gatepost tools list`: list the tools of a manifest, one per line."""

from pathlib import Path

import click
from pydantic import BaseModel, ConfigDict

from gatepost.text.hidden import write_line
from gatepost_cli.terminal import echo, json_option, print_rows
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.review.commands.options import load, manifest_file
from mcp_gateway.review.token_estimate import tool_tokens


class ListedTool(BaseModel):
    """A tool that is exposed, and what it does."""

    model_config = ConfigDict(frozen=True)

    name: str
    scope: str
    read_only: bool
    destructive: bool
    deprecated: bool
    tokens: int
    method: str
    path: str

    @property
    def effect(self) -> str:
        """What a call does to data, in words."""
        effect = "reads" if self.read_only else "destroys" if self.destructive else "changes"
        return f"{effect}, deprecated" if self.deprecated else effect


@click.command(name="list")
@manifest_file
@json_option
def list_command(path: Path, as_json: bool) -> None:
    """List the tools with scope, effect on data, tokens and operation."""
    manifest, _, catalogue = load(path)
    listed = [_view(tool) for tool in catalogue.tools.values()]
    if as_json:
        print_rows(listed, lambda one: one.name, as_json=True, none="No tool is exposed.")
        return
    rows = [
        (one.name, one.scope, one.effect, str(one.tokens), catalogue.tools[one.name].target)
        for one in listed
    ]
    rows.insert(0, ("TOOL", "SCOPE", "EFFECT", "TOKENS", "OPERATION"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        echo(write_line("  ".join([*cells, row[4]]).rstrip()))
    hidden = len(manifest.tools) - len(catalogue.tools)
    echo(f"{len(catalogue.tools)} exposed, {hidden} not exposed; hash {catalogue.hash[:12]}")


def _view(tool: Tool) -> ListedTool:
    return ListedTool(
        name=tool.name,
        scope=tool.scope,
        read_only=tool.read_only,
        destructive=tool.destructive,
        deprecated=bool(tool.lifecycle.deprecated),
        tokens=tool_tokens(tool),
        method=tool.operation.method,
        path=tool.operation.path,
    )
