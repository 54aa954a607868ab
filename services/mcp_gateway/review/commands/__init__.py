"""`gatepost tools …`: inspect a manifest, and the effects of changing it."""

import click

from mcp_gateway.review.commands.diff import diff
from mcp_gateway.review.commands.dry_run import dry_run
from mcp_gateway.review.commands.lint import lint_command
from mcp_gateway.review.commands.list import list_command
from mcp_gateway.review.commands.show import show
from mcp_gateway.review.commands.tokens import tokens


@click.group()
def tools() -> None:
    """Review the tools of a manifest before a gateway serves them."""


for _command in (list_command, show, lint_command, diff, dry_run, tokens):
    tools.add_command(_command)
