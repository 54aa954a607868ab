"""`gatepost import mcp`: write a manifest to review from the tool list of an MCP server."""

import asyncio
import os
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr

from gatepost.document import DocumentError, parse_document
from gatepost.text.hidden import write_line
from gatepost_cli.url import Url
from mcp_gateway.apis.api_settings import require_sendable
from mcp_gateway.documents.fetch import FetchError
from mcp_gateway.documents.sources import Source
from mcp_gateway.importing.command import (
    BUDGET,
    CHECK,
    FORCE,
    Options,
    import_document,
    place_of,
)
from mcp_gateway.importing.list_tools import list_tools
from mcp_gateway.openapi.document import OpenApiDocument, load_openapi, read_openapi

_SERVER = Url(gets_tokens=True)


@click.command(name="mcp")
@click.argument("source", metavar="URL_OR_FILE")
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="NAME=VARIABLE",
    help="Send a header, whose value is in an environment variable.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder of tools.yaml and the tool list.  [default: this folder]",
)
@click.option("--name", help="The product's name.  [default: API]")
@click.option(
    "--match",
    "patterns",
    multiple=True,
    metavar="PATTERN",
    help="Only if this regular expression matches the tool's name.",
)
@click.option("--choose", "ask", is_flag=True, help="List the tools and ask which to expose.")
@click.option("--all", "expose_all", is_flag=True, help="Also expose tools that change data.")
@BUDGET
@click.option(
    "--bind",
    "bindings",
    metavar="ARGUMENT=CLAIM",
    multiple=True,
    help="Fill an argument from the access token wherever it occurs, such as org_id=tenant_id.",
)
@CHECK
@FORCE
def import_mcp(source: str, headers: tuple[str, ...], **options: Any) -> None:
    """Propose tools for those of an MCP server.

    Reads the list at the server's URL, or from a file with its answer to tools/list. Writes
    DIR/tools.yaml and DIR/mcp.json, the list of tools that you review: the gateway serves only what
    these files say. Only tools that the server says only read are exposed.

    If DIR/tools.yaml exists, it is updated: your edits stay, new tools are added unexposed, and changed
    or removed tools are reported. With --check it tells whether the server's list has changed.

    Exits as `gatepost import openapi` does.
    """
    sent = _read_headers(headers)
    given = Options(tags=(), paths=(), methods=(), hosts=(), ref_hosts=(), **options)
    import_document(source, given, lambda: _load(source, sent))


def _load(source: str, headers: dict[str, str]) -> OpenApiDocument:
    try:
        if not source.lower().startswith(("http://", "https://")):
            document = load_openapi(source)
        else:
            url = _SERVER.convert(source, None, None)
            content = asyncio.run(list_tools(url, headers))
            document = read_openapi(parse_document(content), Source({}, content))
    except (DocumentError, FetchError) as error:
        raise click.ClickException(write_line(f"{place_of(source)}: {error}")) from None
    if not document.is_mcp:
        raise click.ClickException(f"{place_of(source)}: is not an answer to tools/list")
    return document


def _read_headers(headers: tuple[str, ...]) -> dict[str, str]:
    read: dict[str, str] = {}
    for header in headers:
        name, equals, variable = header.partition("=")
        if not equals or not variable:
            raise click.UsageError(
                f"--header {name}: write NAME=VARIABLE, such as Authorization=SERVER_KEY"
            )
        if variable not in os.environ:
            raise click.UsageError(f"--header {name}: the variable {variable} is not set")
        read[name] = os.environ[variable]
    try:
        require_sendable({name: SecretStr(value) for name, value in read.items()})
    except ValueError as problem:
        raise click.UsageError(f"--header: {problem}") from None
    return read
