"""`gatepost COMMAND …`: each installed part registers its commands as entry points."""

from importlib.metadata import EntryPoint, entry_points

import click

_GROUP = "gatepost.commands"


class Commands(click.Group):
    """The subcommands of the installed parts; each is imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every command."""
        return sorted(point.name for point in entry_points(group=_GROUP))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command; None if there is no command of that name."""
        point = next(iter(entry_points(group=_GROUP, name=cmd_name)), None)
        if point is None:
            return None
        try:
            command: click.Command = point.load()
        except ModuleNotFoundError as error:
            return _not_installed(point, error.name or "a package")
        return command


def _not_installed(point: EntryPoint, missing: str) -> click.Command:
    needs = {"auth_server": "auth-server", "mcp_gateway": "mcp-gateway"}
    extra = needs.get(point.module.partition(".")[0], "demo")
    advice = f"needs {missing}: install gatepost[{extra}]"

    @click.command(
        point.name,
        help=advice,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    def refuse() -> None:
        raise click.ClickException(f"`gatepost {point.name}` {advice}")

    return refuse


@click.command(cls=Commands)
@click.version_option(package_name="gatepost")
def main() -> None:
    """Give AI agents safe access to your SaaS product's REST API through MCP."""
