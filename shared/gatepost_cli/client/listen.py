"""`gatepost listen`: print what a gateway tells its clients."""

import asyncio
import json

import click
from mcp import Client
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.shared.subscriptions import event_to_notification

from gatepost_cli.client.connect import with_client
from gatepost_cli.client.token_file import TokenFile, last_used
from gatepost_cli.terminal import echo
from gatepost_cli.url import GATEWAY

_PAUSE = 1.0
"""Seconds before a stream that has ended is opened again."""


@click.command()
@click.argument("uris", nargs=-1, metavar="[URI]...")
@click.option(
    "--at", "url", type=GATEWAY, help="URL of the gateway.  [default: the one that was used last]"
)
@click.option("--once", is_flag=True, help="End after the first notification.")
@click.option("--json", "as_json", is_flag=True, help="Print each notification as JSON.")
@click.option("--no-browser", is_flag=True, help="Print the link, but don't open a browser.")
def listen(
    uris: tuple[str, ...], url: str | None, once: bool, as_json: bool, no_browser: bool
) -> None:
    """Print when a resource at URI, or the list of tools, prompts or resources, changes.

    What your API's webhooks tell arrives here as at any client. Ctrl-C ends it. Exit codes: 1 if the
    gateway can't be heard or tells nothing of a URI, 2 for wrong options.
    """
    place = url or last_used()
    if place is None:
        raise click.ClickException("connect first: gatepost connect URL")
    listening = False

    async def hear(client: Client) -> None:
        nonlocal listening
        while True:
            try:
                async with client.listen(
                    tools_list_changed=True,
                    prompts_list_changed=True,
                    resources_list_changed=True,
                    resource_subscriptions=uris,
                ) as stream:
                    granted = stream.honored.resource_subscriptions or []
                    for uri in uris:
                        if uri not in granted:
                            raise click.ClickException(await _explain(client, place, uri))
                    heard = "".join(f"{uri} and " for uri in granted)
                    echo(f"Listening to {heard}changed lists; Ctrl-C ends it.", err=True)
                    listening = True
                    async for event in stream:
                        told = event_to_notification(event, {})
                        said = told.model_dump(mode="json", by_alias=True, exclude_none=True)
                        uri = said.get("params", {}).get("uri")
                        method = said["method"]
                        plain = {"method": method, **({"uri": uri} if uri else {})}
                        echo(json.dumps(plain) if as_json else " ".join(plain.values()))
                        if once:
                            return
                    echo("The gateway has ended the stream.", err=True)
            except ListenNotSupportedError as error:
                raise click.ClickException(f"{place}: {error}") from None
            except SubscriptionLost:
                echo("The connection broke.", err=True)
            await asyncio.sleep(_PAUSE)

    try:
        with_client(place, TokenFile(place), hear, open_browser=not no_browser)
    except KeyboardInterrupt:
        if not listening:
            raise


async def _explain(client: Client, place: str, uri: str) -> str:
    """Say why nothing is told of a resource, and what to type instead."""
    templates = (await client.list_resource_templates()).resource_templates
    resources = (await client.list_resources()).resources
    known = [one.uri_template for one in templates] + [str(one.uri) for one in resources]
    has = f"you may read {', '.join(known)}" if known else "you may read no resource there"
    return (
        f"{place} tells nothing of {uri}: {has}, and of one with arguments it tells "
        "only if the manifest's `events` name it"
    )
