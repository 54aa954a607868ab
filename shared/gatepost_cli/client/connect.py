"""`gatepost connect`: an MCP client that shows a gateway as an agent sees it."""

import asyncio
import json
import logging
import os
import sys
import threading
import webbrowser
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import click
import httpx2
from mcp import Client, MCPError
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from mcp_types import CallToolResult, TextContent, Tool
from pydantic import AnyUrl

from gatepost_cli.client.connect_device import authorize_device
from gatepost_cli.client.follow_tasks import FollowTasks
from gatepost_cli.client.token_file import TokenFile
from gatepost_cli.terminal import echo
from gatepost_cli.url import GATEWAY

Mode = Literal["auto", "legacy"]

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>gatepost connect</title>
<p style="font: 1.1rem system-ui; margin: 4rem auto; max-width: 30rem">{}</p></html>"""
_CONNECTED = _PAGE.format("You're connected. Return to your terminal.").encode()
_NOT_CONNECTED = _PAGE.format("You're not connected. Return to your terminal.").encode()

_WAIT_SECONDS = 600
_EXAMPLE = "http://127.0.0.1:8401/mcp"
_ADVICE = f"The address of a gateway usually ends in /mcp, such as {_EXAMPLE}"

# Errors that a person can act on; any other is a fault of this command.
_EXPECTED = (MCPError, OAuthFlowError, httpx2.HTTPError)


class ToolFailed(click.ClickException):
    """The tool answered with an error."""

    exit_code = 3


@click.command()
@click.argument("url", type=GATEWAY)
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
@click.option("--forget", is_flag=True, help="Delete the stored tokens, and sign in again.")
@click.option("--json", "as_json", is_flag=True, help="Print the tools as JSON, and call none.")
@click.option(
    "--device",
    metavar="CLIENT_ID",
    help="Sign in on another device with a code, as this client; an operator must allow it codes.",
)
def connect(
    url: str,
    tool: str | None,
    arguments: str,
    mode: Mode,
    no_browser: bool,
    forget: bool,
    as_json: bool,
    device: str | None,
) -> None:
    """Connect to the gateway at URL as an MCP client: sign in, list the tools and call one.

    The tokens are stored for the next time, in a file that only you can read. If the browser is on
    another machine, paste the address that it shows at the end. Exit codes: 1 if nothing was
    connected, 2 for wrong options, 3 if the tool answered with an error.
    """
    try:
        given = read_json(arguments)
    except ValueError as error:
        raise click.UsageError(f"--arguments is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise click.UsageError("--arguments must be a JSON object")

    async def show(client: Client) -> None:
        listed = await client.list_tools()
        if as_json:
            found = [each.model_dump(mode="json", exclude_none=True) for each in listed.tools]
            echo(json.dumps({"url": url, "protocol": client.protocol_version, "tools": found}))
            return
        echo(f"Connected, protocol {client.protocol_version}. {len(listed.tools)} tools:")
        for each in listed.tools:
            echo(f"  {each.name:<28} {(each.title or each.description or '')[:60]}")
        chosen = tool or first_easy_one(listed.tools)
        if chosen is None:
            echo("Choose a tool to call with --tool.")
            return
        echo(f"\nCalling {chosen} {json.dumps(given)}")
        show_result(await client.call_tool(chosen, given), chosen)

    store = TokenFile(url)
    if forget:
        store.forget()
    with_client(url, store, show, mode=mode, open_browser=not no_browser, device=device)


def read_json(text: str) -> Any:
    """Read a JSON value.

    Raises:
        ValueError: it is not JSON, as `NaN` is not, or is nested too deeply.
    """

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not a number of JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def show_result(result: CallToolResult, name: str) -> None:
    """Print the result of a tool.

    Raises:
        ToolFailed: it is an error.
    """
    for block in result.content:
        echo(block.text if isinstance(block, TextContent) else f"[{block.type}]")
    if result.is_error:
        raise ToolFailed(f"{name} answered with an error")


def with_client(
    url: str,
    store: TokenFile,
    act: Callable[[Client], Awaitable[None]],
    *,
    mode: Mode = "auto",
    open_browser: bool = True,
    device: str | None = None,
) -> None:
    """Act as a client that is signed in; `device` is a client that its person connects with a code.

    Raises:
        ClickException: it can't connect; the message says why and what to type.
    """
    # The SDK logs the traceback of an error that is told in a sentence here.
    logging.getLogger("mcp").addHandler(logging.NullHandler())
    try:
        if device is not None:
            asyncio.run(_act_by_code(url, device, act, mode))
        else:
            asyncio.run(_act(url, store, act, mode, open_browser=open_browser))
    except (*_EXPECTED, BaseExceptionGroup) as error:
        cause = innermost(error)
        if isinstance(cause, click.ClickException | BrokenPipeError):
            raise cause from None  # Click ends the command when nobody reads its output.
        if not isinstance(cause, _EXPECTED):
            raise
        said = str(cause) or type(cause).__name__
        raise click.ClickException(_explain(url) or said) from None


async def _act(
    url: str,
    store: TokenFile,
    act: Callable[[Client], Awaitable[None]],
    mode: Mode,
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
            if sys.stdin.isatty():
                echo("If the browser can't come back here, paste its address:", err=True)
            state = parse_qs(urlsplit(authorize_url).query).get("state")
            threading.Thread(target=_read_pasted, args=(answer.give, state), daemon=True).start()

        auth = OAuthClientProvider(
            url,
            OAuthClientMetadata(
                client_name="Command line client",
                redirect_uris=[AnyUrl(redirect_uri)],
                grant_types=["authorization_code", "refresh_token"],
                token_endpoint_auth_method="none",  # noqa: S106 - the method's name
            ),
            store,
            redirect_handler=show,
            callback_handler=answer.wait,
        )
        # Without these the SDK would ask again instead of refreshing a stored token.
        auth.context.token_expiry_time = store.expires_at
        auth.context.oauth_metadata = store.metadata
        store.find_metadata = lambda: auth.context.oauth_metadata
        async with (
            httpx2.AsyncClient(auth=auth, timeout=60, follow_redirects=False) as http,
            _client(url, http, mode) as client,
        ):
            store.mark_used()
            await act(client)


async def _act_by_code(
    url: str, client_id: str, act: Callable[[Client], Awaitable[None]], mode: Mode
) -> None:
    token = await authorize_device(url, client_id)
    async with (
        httpx2.AsyncClient(auth=token, timeout=60, follow_redirects=False) as http,
        _client(url, http, mode) as client,
    ):
        await act(client)


def _client(url: str, http: httpx2.AsyncClient, mode: Mode) -> Client:
    def tell(said: str) -> None:
        echo(said, err=True)

    transport = streamable_http_client(url, http_client=http)
    return Client(transport, mode=mode, extensions=[FollowTasks(tell)])


def _read_pasted(give: Callable[[str], None], state: list[str] | None) -> None:
    """Wait for an address with a code and this state on standard input, and pass its query on."""
    typed = b""
    # Not `input`: a thread that waits in it would hold up the end of the process.
    while part := os.read(0, 4096):
        typed += part
        *lines, typed = typed.split(b"\n")
        for line in lines:
            query = urlsplit(line.decode("utf-8", "replace").strip()).query
            values = parse_qs(query)
            if {"code", "error"} & values.keys() and values.get("state") == state:
                give(query)
                return
            if "code" in values:
                echo("That address belongs to another sign-in; open the link above.", err=True)
            elif line.strip():
                echo("That is not the address at the end: it contains `code=`.", err=True)


def _explain(url: str) -> str | None:
    """Return what is wrong with the URL and what to type instead; None if it is an endpoint."""
    with httpx2.Client(timeout=5, follow_redirects=False) as http:
        try:
            answer = http.get(url)
        except (httpx2.InvalidURL, httpx2.HTTPError) as error:
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
