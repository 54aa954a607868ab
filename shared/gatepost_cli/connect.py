"""`gatepost connect`: an MCP client that shows a gateway as an agent sees it."""

import asyncio
import json
import logging
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import click
import httpx2
from mcp import Client, MCPError
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from mcp_types import TextContent, Tool
from pydantic import AnyUrl

from gatepost_cli.terminal import echo

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>gatepost connect</title>
<p style="font: 1.1rem system-ui; margin: 4rem auto; max-width: 30rem">{}</p></html>"""
_CONNECTED = _PAGE.format("You're connected. Return to your terminal.").encode()
_NOT_CONNECTED = _PAGE.format("You're not connected. Return to your terminal.").encode()

_WAIT_SECONDS = 600
_EXAMPLE = "http://127.0.0.1:8401/mcp"
_ADVICE = f"The address of a gateway usually ends in /mcp, such as {_EXAMPLE}"

# Errors that a person can act on; any other is a fault of this command.
_EXPECTED = (MCPError, OAuthFlowError, httpx2.HTTPError)


@click.command()
@click.argument("url")
@click.option(
    "--tool",
    help="The tool to call; by default the first read-only one without required arguments.",
)
@click.option("--arguments", default="{}", show_default=True, help="Its arguments, a JSON object.")
@click.option(
    "--mode",
    type=click.Choice(["auto", "legacy"]),
    default="auto",
    show_default=True,
    help="auto: the newest protocol that the gateway supports; legacy: 2025-11-25 or older.",
)
@click.option("--no-browser", is_flag=True, help="Print the link, but don't open a browser.")
def connect(
    url: str, tool: str | None, arguments: str, mode: Literal["auto", "legacy"], no_browser: bool
) -> None:
    """Connect to the gateway at URL as an MCP client: sign in, list the tools and call one."""
    try:
        given = json.loads(arguments)
    except ValueError as error:
        raise click.ClickException(f"--arguments is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise click.ClickException("--arguments must be a JSON object")
    # The SDK logs the traceback of an error that is told in a sentence here.
    logging.getLogger("mcp").addHandler(logging.NullHandler())
    try:
        asyncio.run(_connect(url, tool, given, mode, open_browser=not no_browser))
    except (*_EXPECTED, BaseExceptionGroup) as error:
        cause = innermost(error)
        if isinstance(cause, click.ClickException):
            raise cause from None
        if not isinstance(cause, _EXPECTED):
            raise
        said = str(cause) or type(cause).__name__
        raise click.ClickException(_explain(url) or said) from None


async def _connect(
    url: str,
    name: str | None,
    arguments: dict[str, Any],
    mode: Literal["auto", "legacy"],
    *,
    open_browser: bool,
) -> None:
    answer = _Answer()
    with _callback(answer.give) as redirect_uri:

        async def show(authorize_url: str) -> None:
            echo(f"Open this page to decide what to allow:\n  {authorize_url}", err=True)
            if open_browser:
                # A thread that ends with the process: some browsers only return when they are closed.
                threading.Thread(target=webbrowser.open, args=(authorize_url,), daemon=True).start()

        auth = OAuthClientProvider(
            url,
            OAuthClientMetadata(
                client_name="Command line client",
                redirect_uris=[AnyUrl(redirect_uri)],
                grant_types=["authorization_code", "refresh_token"],
                token_endpoint_auth_method="none",  # noqa: S106 - the method's name
            ),
            _Memory(),
            redirect_handler=show,
            callback_handler=answer.wait,
        )
        async with (
            httpx2.AsyncClient(auth=auth, timeout=60, follow_redirects=False) as http,
            Client(streamable_http_client(url, http_client=http), mode=mode) as client,
        ):
            listed = await client.list_tools()
            echo(f"Connected, protocol {client.protocol_version}. {len(listed.tools)} tools:")
            for tool in listed.tools:
                echo(f"  {tool.name:<28} {(tool.title or tool.description or '')[:60]}")
            chosen = name or first_easy_one(listed.tools)
            if chosen is None:
                echo("Choose a tool to call with --tool.")
                return
            echo(f"\nCalling {chosen} {json.dumps(arguments)}")
            result = await client.call_tool(chosen, arguments)
            for block in result.content:
                if isinstance(block, TextContent):
                    echo(block.text)
                else:
                    echo(f"[{block.type}]")
            if result.is_error:
                raise click.ClickException(f"{chosen} answered with an error")


def _explain(url: str) -> str | None:
    """Return what is wrong with the URL and what to type instead; None if it is an endpoint."""
    with httpx2.Client(timeout=5, follow_redirects=False) as http:
        try:
            answer = http.get(url)
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
            return f"{url} is not an address of a server; type one like {_EXAMPLE}"
        except httpx2.HTTPError as error:
            reason = str(error) or type(error).__name__
            return f"nothing answers at {url} ({reason}); is the gateway running there? {_ADVICE}"
        if answer.status_code in {200, 401, 403, 405, 406}:
            return None
        better = str(httpx2.URL(url).join("/mcp"))
        said = f"{url} answered {answer.status_code}, so it is not an MCP endpoint"
        try:
            found = better != url and http.get(better).status_code == 401
        except httpx2.HTTPError:
            found = False
        return f"{said}; type {better}" if found else f"{said}. {_ADVICE}"


def first_easy_one(tools: list[Tool]) -> str | None:
    """Name the first tool that only reads and needs no arguments; None without one."""
    for tool in tools:
        reads = tool.annotations is not None and tool.annotations.read_only_hint
        if reads and not tool.input_schema.get("required"):
            return tool.name
    return None


def innermost(error: BaseException) -> BaseException:
    """Find the first error in nested exception groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class _Memory:
    """Keeps tokens only while the command runs."""

    def __init__(self) -> None:
        self._tokens: OAuthToken | None = None
        self._client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self._tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self._tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self._client = client_info


class _Answer:
    """The redirect's query, which the browser delivers once."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._query: asyncio.Future[dict[str, list[str]]] = self._loop.create_future()

    def give(self, query: str) -> None:
        """Take the query from the thread that received it."""
        self._loop.call_soon_threadsafe(self._set, parse_qs(query))

    def _set(self, query: dict[str, list[str]]) -> None:
        if not self._query.done():
            self._query.set_result(query)

    async def wait(self) -> AuthorizationCodeResult:
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                query = await self._query
        except TimeoutError:
            raise OAuthFlowError("you did not answer in the browser within ten minutes") from None
        values = {name: found[0] for name, found in query.items()}
        if values.get("error") == "access_denied":
            raise OAuthFlowError("access was denied in the browser; nothing was connected")
        if "code" not in values:
            reason = values.get("error_description") or values.get("error") or "no code returned"
            raise OAuthFlowError(f"the authorization server refused the request: {reason}")
        return AuthorizationCodeResult(
            code=values["code"], state=values.get("state"), iss=values.get("iss")
        )


@contextmanager
def _callback(give: Callable[[str], None]) -> Iterator[str]:
    """Listen on a loopback port for the redirect (RFC 8252 §7.3), and pass on its query."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            target = urlsplit(self.path)
            found = target.path == "/callback"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            if found:
                connected = "code" in parse_qs(target.query)
                self.wfile.write(_CONNECTED if connected else _NOT_CONNECTED)
                give(target.query)

        def log_message(self, format: str, *args: object) -> None:
            """Stay quiet: the request line holds the code."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/callback"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
