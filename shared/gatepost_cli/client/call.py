"""`gatepost call`: call one tool of a gateway from a terminal or a script."""

from typing import Any

import click
from mcp import Client

from gatepost_cli.client.connect import ToolFailed, read_json, show_result, with_client
from gatepost_cli.client.token_file import TokenFile, last_used
from gatepost_cli.terminal import echo
from gatepost_cli.url import GATEWAY


@click.command()
@click.argument("name")
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--at", "url", type=GATEWAY, help="URL of the gateway.  [default: the one that was used last]"
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON.")
@click.option("--no-browser", is_flag=True, help="Print the link, but don't open a browser.")
def call(
    name: str, arguments: tuple[str, ...], url: str | None, as_json: bool, no_browser: bool
) -> None:
    """Call the tool NAME of a gateway that you connected to.

    A value is a text if the tool takes one, else JSON; KEY:=VALUE is JSON in any case. Exit codes: 1
    if nothing was called, 2 for wrong options, 3 if the tool answered with an error.
    """
    place = url or last_used()
    if place is None:
        raise click.ClickException("connect first: gatepost connect URL")

    async def ask(client: Client) -> None:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        if name not in listed:
            raise click.ClickException(
                f"{place} has no tool {name} for this connection; it has {', '.join(listed)}. "
                f"A new tool has to be allowed: gatepost connect {place} --forget asks again"
            )
        given = read_arguments(arguments, listed[name].input_schema)
        result = await client.call_tool(name, given)
        if not as_json:
            show_result(result, name)
            return
        echo(result.model_dump_json(exclude_none=True, by_alias=True))
        if result.is_error:
            raise ToolFailed(f"{name} answered with an error")

    with_client(place, TokenFile(place), ask, open_browser=not no_browser)


def read_arguments(words: tuple[str, ...], schema: dict[str, Any]) -> dict[str, Any]:
    """Read `KEY=VALUE` and `KEY:=JSON` as the arguments of a tool.

    Raises:
        UsageError: a word has another form, or a value is not JSON where it must be.
    """
    found: dict[str, Any] = {}
    properties = schema.get("properties", {})
    for word in words:
        key, equals, value = word.partition("=")
        plain = key.removesuffix(":")
        if not equals or not plain:
            raise click.UsageError(f"{word} is not KEY=VALUE")
        if _is_damaged(word):
            raise click.UsageError(f"{plain}: the value is not text in your terminal's encoding")
        if key == plain and _takes_text(properties.get(plain, {})):
            found[plain] = value
            continue
        try:
            found[plain] = read_json(value)
        except ValueError:
            raise click.UsageError(f"{plain}: {value[:200]} is not JSON") from None
    return found


def _is_damaged(word: str) -> bool:
    """Tell whether Python could not decode a word of the command line (PEP 383)."""
    return any("\ud800" <= character <= "\udfff" for character in word)


def _takes_text(schema: dict[str, Any]) -> bool:
    """Tell whether a property may be a text; without a type, any may."""
    ways = schema.get("anyOf") or schema.get("oneOf")
    if ways and "type" not in schema:
        return any(_takes_text(way) for way in ways)
    kinds = schema.get("type", "string")
    return "string" in ([kinds] if isinstance(kinds, str) else kinds)
