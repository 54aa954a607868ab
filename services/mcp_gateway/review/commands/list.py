"""`gatepost tools list`: list the tools of a manifest, one per line."""

from pathlib import Path

import click

from gatepost.text.hidden import write_line
from gatepost_cli.terminal import echo
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.review.commands.options import load, manifest_file
from mcp_gateway.review.token_estimate import tool_tokens


@click.command(name="list")
@manifest_file
def list_command(path: Path) -> None:
    """List the tools with scope, effect on data, tokens and operation."""
    manifest, _, catalogue = load(path)
    rows = [
        (
            tool.name,
            tool.scope,
            _effect(tool),
            str(tool_tokens(tool)),
            f"{tool.operation.method} {tool.operation.path}",
        )
        for tool in catalogue.tools.values()
    ]
    rows.insert(0, ("TOOL", "SCOPE", "EFFECT", "TOKENS", "OPERATION"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        echo(write_line("  ".join([*cells, row[4]]).rstrip()))
    hidden = len(manifest.tools) - len(catalogue.tools)
    echo(f"{len(catalogue.tools)} exposed, {hidden} not exposed; hash {catalogue.hash[:12]}")


def _effect(tool: Tool) -> str:
    effect = "reads" if tool.read_only else "destroys" if tool.destructive else "changes"
    return f"{effect}, deprecated" if tool.lifecycle.deprecated else effect
