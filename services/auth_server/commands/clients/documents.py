"""`gatepost clients document …`: make and check the metadata document of an MCP client."""

import asyncio
import json
from pathlib import Path
from typing import Any

import click

from auth_server.client_documents.document import parse_document
from auth_server.client_documents.faults import find_faults
from auth_server.client_documents.key_sets import parse_key_set
from auth_server.client_documents.url import (
    UnusableClientUrl,
    looks_like_url,
    require_client_url,
)
from auth_server.outbound.guarded_fetch import DEADLINE, LIMIT, Fetched, FetchRefused, GuardedFetch
from auth_server.records.clients.metadata import ClientMetadata
from auth_server.settings import AuthServerSettings
from gatepost_cli.terminal import echo

_JSON = "application/json"
_SERVED = (
    f"it must be at a public address, answer within {DEADLINE:g} seconds with status 200 and without "
    f"a redirect, and have at most {LIMIT // 1024} KiB"
)
_scheme_option = click.option(
    "--scheme",
    "schemes",
    multiple=True,
    default=AuthServerSettings.model_fields["private_use_schemes"].default,
    help="A scheme without a dot that the server allows; repeatable.  [default: a server's usual ones]",
)


@click.group()
def document() -> None:
    """Make or check the metadata document of an MCP client."""


@document.command()
@click.option("--url", required=True, help="Where you will publish it; this is the client's id.")
@click.option("--name", required=True, help="The name on the consent page.")
@click.option(
    "--redirect-uri",
    "redirect_uris",
    multiple=True,
    required=True,
    help="Where people return to, such as http://127.0.0.1/callback; repeatable.",
)
@click.option("--website", "client_uri", help="The URL of the app's website.")
@click.option("--logo", "logo_uri", help="The URL of the app's logo.")
@click.option(
    "--jwks",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with its public keys, if it signs its requests (private_key_jwt).",
)
@click.option("--jwks-uri", help="The URL of its public keys instead.")
@_scheme_option
def make(
    url: str,
    name: str,
    redirect_uris: tuple[str, ...],
    jwks: Path | None,
    schemes: tuple[str, ...],
    **given: str | None,
) -> None:
    """Print a document, for you to publish at the URL.

    Exit code 2 if the authorization server would refuse it.
    """
    signs = jwks is not None or given["jwks_uri"] is not None
    members = {
        "client_id": url,
        "client_name": name,
        "redirect_uris": list(redirect_uris),
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "private_key_jwt" if signs else "none",
        "jwks": None if jwks is None else _read_json(jwks),
        **given,
    }
    text = json.dumps(
        {name: value for name, value in members.items() if value is not None}, indent=2
    )
    if faults := _find_faults(Fetched(text.encode(), _JSON, ""), url, schemes):
        raise click.UsageError("\n".join(faults))
    echo(text)


@document.command()
@click.argument("place", metavar="URL-OR-FILE")
@_scheme_option
@click.option("--loopback", is_flag=True, help="For development: also read from https://localhost.")
def check(place: str, schemes: tuple[str, ...], loopback: bool) -> None:
    """Tell every fault for which the authorization server would refuse a document.

    A URL is read as the server reads it, with the keys at its jwks_uri. A file is checked as if it
    were published at its client_id. Exit code 1 if there is a fault.
    """
    if looks_like_url(place):
        faults = asyncio.run(_check_published(place, schemes, loopback))
    else:
        body = _read_file(Path(place))
        faults = _find_faults(Fetched(body, _JSON, ""), _read_client_id(body), schemes, loopback)
    if faults:
        lines = "\n".join(f"- {fault}" for fault in faults)
        raise click.ClickException(f"an authorization server would refuse {place}:\n{lines}")
    echo(f"{place} can be used.")


async def _check_published(url: str, schemes: tuple[str, ...], loopback: bool) -> list[str]:
    try:
        require_client_url(url, allow_loopback=loopback)
    except UnusableClientUrl as error:
        return [f"the URL {error}"]
    fetch = GuardedFetch(allow_loopback=loopback)
    try:
        fetched = await fetch(url)
    except FetchRefused as error:
        return [f"it was not read ({error}): {_SERVED}"]
    faults = _find_faults(fetched, url, schemes, loopback)
    if faults or (keys := _parse(fetched, url, schemes).jwks_uri) is None:
        return faults
    try:
        require_client_url(keys, allow_loopback=loopback)
        parse_key_set(keys, await fetch(keys))
    except FetchRefused as error:
        return [f"its jwks_uri was not read ({error}): {_SERVED}"]
    except ValueError as error:
        return [f"its jwks_uri {error}"]
    return []


def _find_faults(
    fetched: Fetched, client_id: str | None, schemes: tuple[str, ...], loopback: bool = False
) -> list[str]:
    faults = find_faults(
        fetched.body, fetched.content_type, client_id=client_id or "", private_use_schemes=schemes
    )
    if client_id is None:
        return faults
    try:
        require_client_url(client_id, allow_loopback=loopback)
    except UnusableClientUrl as error:
        faults.insert(0, f"its client_id {error}")
    return faults


def _parse(fetched: Fetched, url: str, schemes: tuple[str, ...]) -> ClientMetadata:
    return parse_document(
        fetched.body, fetched.content_type, client_id=url, private_use_schemes=schemes
    )


def _read_file(path: Path) -> bytes:
    try:
        body = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise click.UsageError(f"URL-OR-FILE: {path} is no URL, and no file: {reason}") from None
    if len(body) > LIMIT:
        raise click.ClickException(f"{path} is larger than {LIMIT} bytes: {_SERVED}")
    return body


def _read_client_id(body: bytes) -> str | None:
    """Return the URL that a file names; None if it names none, which the checks then tell."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    named = found.get("client_id") if isinstance(found, dict) else None
    return named if isinstance(named, str) else None


def _read_json(path: Path) -> object:
    try:
        found: object = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise click.UsageError(f"--jwks: {path} is not a JSON file") from None
    return found
