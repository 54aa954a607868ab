"""`gatepost install`: add a gateway to an app on this machine, with the app's own command."""

import base64
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from urllib.parse import quote, urlencode, urlsplit

import click

from gatepost.network.organisation_address import resources_of_address
from gatepost_cli.terminal import echo
from gatepost_cli.url import GATEWAY


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _cursor(name: str, url: str) -> list[str]:
    config = base64.b64encode(_compact({"url": url}).encode()).decode()
    query = urlencode({"name": name, "config": config}, quote_via=quote)
    return ["cursor", "--open-url", f"cursor://anysphere.cursor-deeplink/mcp/install?{query}"]


_ADD = ("mcp", "add", "--scope", "user", "--transport", "http")
"""In every folder; without the scope, only where the command runs."""

APPS: dict[str, Callable[[str, str], list[str]]] = {
    "claude": lambda name, url: ["claude", *_ADD, name, url],
    "cursor": _cursor,
    "code": lambda name, url: [
        *("code", "--add-mcp"),
        _compact({"name": name, "type": "http", "url": url}),
    ],
    "codex": lambda name, url: ["codex", "mcp", "add", name, "--url", url],
    "gemini": lambda name, url: ["gemini", *_ADD, name, url],
}


@click.command()
@click.argument("app", type=click.Choice(list(APPS)))
@click.argument("url", type=GATEWAY)
@click.option("--name", help="Its name in the app: a-z, 0-9 and -.  [default: from the URL]")
@click.option("--print", "only_print", is_flag=True, help="Print the command, but don't run it.")
def install(app: str, url: str, name: str | None, only_print: bool) -> None:
    """Add the gateway at URL to an app on this machine, with the app's own command.

    The app asks you to sign in when it first uses the gateway. Exit codes: 1 if the app is not
    installed, 2 for wrong options, else that of the app's command.
    """
    # An app keeps several organisations apart by their names.
    organisation = url.rpartition("/o/")[2] if len(resources_of_address(url)) > 1 else ""
    given = f"{urlsplit(url).hostname} {organisation}".lower()
    chosen = name or re.sub(r"[^a-z0-9]+", "-", given).strip("-")[:40].strip("-")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", chosen):
        raise click.UsageError(f"--name: {chosen} is not 1 to 40 of a-z, 0-9 and -")
    command = APPS[app](chosen, url)
    if only_print:
        echo(shlex.join(command))
        return
    program = shutil.which(command[0])
    if program is None:
        raise click.ClickException(
            f"{command[0]} is not installed here; where it is, run\n  {shlex.join(command)}"
        )
    echo(shlex.join(command), err=True)
    done = subprocess.run([program, *command[1:]], check=False)  # noqa: S603 - a list, no shell
    raise click.exceptions.Exit(done.returncode)
