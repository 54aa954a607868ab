"""A group of commands that imports a command when it is used."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from gatepost.text.hidden import escape_text


class LazyGroup(click.Group):
    """Shows its help without importing a command: each is a place and a short help."""

    def __init__(self, *args: Any, places: Mapping[str, tuple[str, str]], **options: Any) -> None:
        """Take the commands.

        Args:
            args: as for `click.Group`.
            places: command name to its place, such as `package.module:attribute`, and short help.
            options: as for `click.Group`.
        """
        super().__init__(*args, **options)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every command."""
        return sorted({*self.places, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None if there is no command of that name.

        A command whose packages are not installed says what to install.
        """
        if cmd_name not in self.places:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.places[cmd_name][0].partition(":")
        try:
            command: click.Command = getattr(import_module(module), attribute)
        except ModuleNotFoundError as error:
            return advise_installation(cmd_name, module, error)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a refusal shows hidden characters of the texts that it quotes."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            # A copy would lose the kind of the error and its context.
            error.message = escape_text(error.message)  # type: ignore[misc]
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        rows = [(name, self.describe(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def describe(self, ctx: click.Context, name: str) -> str:
        """Return the short help of one command."""
        if name in self.places:
            return self.places[name][1]
        command = self.get_command(ctx, name)
        return "" if command is None else command.get_short_help_str(100)


def advise_installation(name: str, module: str, error: ModuleNotFoundError) -> click.Command:
    """Make the command that refuses to run because a package of its part is missing."""
    needs = {"auth_server": "auth-server", "mcp_gateway": "mcp-gateway"}
    extra = needs.get(module.partition(".")[0], "demo")
    advice = f"needs {error.name or 'a package'}: install gatepost[{extra}]"

    @click.command(
        name,
        help=advice,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    @click.pass_context
    def refuse(ctx: click.Context) -> None:
        raise click.ClickException(f"`{ctx.command_path}` {advice}")

    return refuse
