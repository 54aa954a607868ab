"""`gatepost COMMAND …`: this package's own commands, and those that each service registers as entry points."""

from importlib.metadata import entry_points

import click

from gatepost_cli.lazy_group import LazyGroup, advise_installation

_GROUP = "gatepost.commands"
_OWN = {
    "call": (
        "gatepost_cli.client.call:call",
        "Call the tool NAME of a gateway that you connected to.",
    ),
    "config": (
        "gatepost_cli.config:config",
        "Check gatepost.yaml, or print its JSON Schema for editors.",
    ),
    "connect": (
        "gatepost_cli.client.connect:connect",
        "Connect to the gateway at URL as an MCP client: sign in, list the tools and call one.",
    ),
    "demo": (
        "gatepost_cli.demo:demo",
        "Run both services, a demo SaaS and an imitation of Stripe, with accounts; Ctrl-C stops all.",
    ),
    "doctor": (
        "gatepost_cli.doctor.command:doctor",
        "Test what each known client does at ISSUER, up to the sign-in page.",
    ),
    "init": (
        "gatepost_cli.init:init",
        "Write DIRECTORY/gatepost.yaml for both services, and a new secret beside it.",
    ),
    "install": (
        "gatepost_cli.client.install:install",
        "Add the gateway at URL to an app on this machine, with the app's own command.",
    ),
    "listen": (
        "gatepost_cli.client.listen:listen",
        "Print when a resource at URI, or the list of tools, prompts or resources, changes.",
    ),
    "smoke": (
        "gatepost_cli.smoke.command:smoke",
        "Check the MCP endpoint at URL after a roll-out, as a client sees it.",
    ),
}
_HELP = {
    "auth-server": "Run and operate the authorization server.",
    "clients": "Make or check what describes an MCP client.",
    "eval": "See whether models choose the right tools with valid arguments.",
    "import": "Turn a description of your API into tools to review.",
    "keys": "List and rotate the keys that sign access tokens.",
    "mcp-gateway": "The MCP gateway: the resource server in front of your REST API.",
    "publish": "Publish the gateway in directories: check their rules, write their files, remember their review.",
    "tools": "Review the tools of a manifest before a gateway serves them.",
}
"""The short help of the services' commands, so that the list does not import them all."""


class Commands(LazyGroup):
    """All commands; each is imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every command."""
        return sorted({*self.places, *(point.name for point in entry_points(group=_GROUP))})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command; None if there is no command of that name."""
        if cmd_name in self.places:
            return super().get_command(ctx, cmd_name)
        point = next(iter(entry_points(group=_GROUP, name=cmd_name)), None)
        if point is None:
            return None
        try:
            command: click.Command = point.load()
        except ModuleNotFoundError as error:
            return advise_installation(point.name, point.module, error)
        return command

    def describe(self, ctx: click.Context, name: str) -> str:
        """Return the short help of one command."""
        return _HELP.get(name) or super().describe(ctx, name)


@click.command(cls=Commands, places=_OWN)
@click.version_option(package_name="gatepost")
def main() -> None:
    """Give AI agents safe access to your SaaS product's REST API through MCP."""
