"""The `smoke` command."""

import asyncio
import logging
import os
import shlex
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import TextContent, Tool

from gatepost.api_keys import ApiKey, MalformedApiKey, make_api_key, parse_api_key
from gatepost_cli.client.connect import first_easy_one, innermost
from gatepost_cli.doctor.deployment import PROTOCOL, describe
from gatepost_cli.smoke.discovery import (
    fetch,
    read_challenge,
    read_keys,
    read_resource,
    read_server,
)
from gatepost_cli.smoke.junit import write_junit
from gatepost_cli.smoke.steps import StepFailed, Steps, StepSkipped
from gatepost_cli.terminal import echo
from gatepost_cli.url import GATEWAY

Transport = Callable[[], httpx2.AsyncBaseTransport | None]

_LIST_TOOLS = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
_REVOCATION_SECONDS = 10
_POLL_SECONDS = 0.2

CHALLENGE = "challenge"
RESOURCE_METADATA = "protected resource metadata"
SERVER_METADATA = "authorization server metadata"
KEYS = "signing keys"
MADE_UP_KEY = "refusal of a made-up key"
TOOLS = "list of tools"
CALL = "read-only call"
REVOCATION = "revocation of the key"


@dataclass(frozen=True, slots=True)
class Given:
    """The options of one run.

    Attributes:
        url: the MCP endpoint.
        key: the API key of a program.
        tool: the tool to call; the first read-only one without required arguments if None.
        revoke_with: the command that revokes the key whose id is its last argument.
    """

    url: str
    key: ApiKey | None = None
    tool: str | None = None
    revoke_with: tuple[str, ...] = ()


@click.command()
@click.argument("url", type=GATEWAY)
@click.option(
    "--api-key",
    envvar="GATEPOST_SMOKE_API_KEY",
    help="An API key, better given in GATEPOST_SMOKE_API_KEY; without one, no tool is called.",
)
@click.option(
    "--tool",
    help="The read-only tool to call; by default the first one without required arguments.",
)
@click.option(
    "--revoke-with",
    metavar="COMMAND",
    help="Revoke the key, which must be a test key, with this command and its id, such as"
    " 'gatepost auth-server api-keys revoke', and wait until the gateway refuses it.",
)
@click.option(
    "--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write a JUnit file."
)
def smoke(
    url: str, api_key: str | None, tool: str | None, revoke_with: str | None, junit: Path | None
) -> None:
    """Check the MCP endpoint at URL after a roll-out, as a client sees it.

    Reads what leads a client to the authorization server. With an API key, lists the tools and calls
    one that only reads. Prints a line for each step and exits with 1 if a step fails.
    """
    try:
        key = parse_api_key(api_key) if api_key else None
    except MalformedApiKey as problem:
        raise click.UsageError(f"--api-key: {problem}; copy the whole key") from None
    if revoke_with is not None and (key is None or key.env != "test"):
        raise click.UsageError(
            "--revoke-with needs a test key in --api-key: create one with"
            " `gatepost auth-server api-keys create --test`"
        )
    try:
        command = tuple(shlex.split(revoke_with or ""))
    except ValueError as problem:
        raise click.UsageError(f"--revoke-with: {problem}") from None
    # The SDK logs the traceback of an error that is told in a sentence here.
    logging.getLogger("mcp").addHandler(logging.NullHandler())
    steps = asyncio.run(run_smoke(Given(url, key, tool, command)))
    for step in steps.done:
        echo(step.line())
    if junit is not None:
        try:
            junit.write_text(write_junit(steps.done, url), encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"--junit: {junit} can't be written: {error}") from None
    if steps.failed:
        raise click.exceptions.Exit(1)


async def run_smoke(given: Given, transport: Transport = lambda: None) -> Steps:
    """Take every step.

    Args:
        given: the deployment and the key.
        transport: makes the way to it for one HTTP client; None is the network.
    """
    steps = Steps(secrets=(given.key.text,) if given.key else ())
    async with httpx2.AsyncClient(
        transport=transport(), timeout=20, follow_redirects=False
    ) as http:
        await _discover(steps, http, given.url)
        await _refuse_made_up_key(steps, http, given.url)
        await _call(steps, http, given, transport)
        await _revoke(steps, http, given)
    return steps


async def _discover(steps: Steps, http: httpx2.AsyncClient, url: str) -> None:
    place, issuer = "", ""
    metadata: Mapping[str, Any] = {}
    async with steps.step(CHALLENGE) as step:
        place = await read_challenge(http, url)
        step.seen = "401 without a token, with a Bearer challenge"
    async with steps.step(RESOURCE_METADATA) as step:
        steps.require(CHALLENGE)
        issuer = await read_resource(http, place, url)
        step.seen = f"{place} names {issuer}"
    async with steps.step(SERVER_METADATA) as step:
        steps.require(RESOURCE_METADATA)
        metadata = await read_server(http, issuer)
        step.seen = f"issuer {issuer}, PKCE with S256"
    async with steps.step(KEYS) as step:
        steps.require(SERVER_METADATA)
        number = await read_keys(http, metadata)
        step.seen = f"{number} public {'key' if number == 1 else 'keys'} at {metadata['jwks_uri']}"


async def _refuse_made_up_key(steps: Steps, http: httpx2.AsyncClient, url: str) -> None:
    async with steps.step(MADE_UP_KEY) as step:
        steps.require(CHALLENGE)
        status = await _ask(http, url, make_api_key("test", os.urandom(32)))
        if status != 401:
            raise StepFailed(
                f"a key that nobody issued is answered with {status}, not 401",
                "read the gateway's log: it asks the authorization server about each new key",
            )
        step.seen = "401"


async def _call(steps: Steps, http: httpx2.AsyncClient, given: Given, transport: Transport) -> None:
    tools: list[Tool] = []
    async with steps.step(TOOLS) as step:
        if given.key is None:
            raise StepSkipped("needs --api-key")
        steps.require(CHALLENGE)
        # The SDK's client does not tell the status of a refusal.
        status = await _ask(http, given.url, given.key)
        if status in {401, 403}:
            raise StepFailed(
                f"the key is refused with {status}",
                "create another key: this one is unknown, revoked, expired or for another resource",
            )
        try:
            async with _client(given, transport) as client:
                tools = (await client.list_tools()).tools
                step.seen = f"{len(tools)} tools, protocol {client.protocol_version}"
        except (MCPError, httpx2.HTTPError, BaseExceptionGroup) as error:
            raise _explain(error, "the list of tools is refused") from None
        if not tools:
            fix = "give the key a tool that the manifest exposes, and review tools.yaml"
            raise StepFailed("the key sees no tool", fix)
    async with steps.step(CALL) as step:
        if given.key is None:
            raise StepSkipped("needs --api-key")
        steps.require(TOOLS)
        name = _choose(tools, given.tool)
        try:
            async with _client(given, transport) as client:
                result = await client.call_tool(name, {})
        except (MCPError, httpx2.HTTPError, BaseExceptionGroup) as error:
            raise _explain(error, f"{name} is refused") from None
        said = " ".join(b.text for b in result.content if isinstance(b, TextContent))
        if result.is_error:
            fix = "read the gateway's log of this call, and check upstream_url and its credentials"
            raise StepFailed(f"{name} answers with an error: {said[:300]}", fix)
        step.seen = f"{name} answers {len(said)} characters"


@asynccontextmanager
async def _client(given: Given, transport: Transport) -> AsyncIterator[Client]:
    headers = {"x-api-key": given.key.text} if given.key else {}
    async with (
        httpx2.AsyncClient(transport=transport(), timeout=20, headers=headers) as http,
        Client(streamable_http_client(given.url, http_client=http)) as client,
    ):
        yield client


async def _revoke(steps: Steps, http: httpx2.AsyncClient, given: Given) -> None:
    async with steps.step(REVOCATION) as step:
        if given.key is None or not given.revoke_with:
            raise StepSkipped("needs --revoke-with and a test key")
        steps.require(TOOLS)
        command = (*given.revoke_with, f"key_{given.key.fingerprint}")
        try:
            done = await asyncio.to_thread(
                subprocess.run, command, capture_output=True, text=True, timeout=60, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            fix = "run the command by hand"
            raise StepFailed(f"{shlex.join(command)}: {error}", fix) from None
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()[-300:]
            raise StepFailed(f"{shlex.join(command)} failed: {said}", "run the command by hand")
        seconds = 0.0
        while (status := await _ask(http, given.url, given.key)) == 200:
            if seconds >= _REVOCATION_SECONDS:
                raise StepFailed(
                    f"the gateway still accepts the key after {_REVOCATION_SECONDS} seconds",
                    "read `revocations` in the gateway's /readyz: it can't follow the feed",
                )
            await asyncio.sleep(_POLL_SECONDS)
            seconds += _POLL_SECONDS
        if status != 401:
            fix = "read the gateway's log"
            raise StepFailed(f"the gateway answers the revoked key with {status}", fix)
        step.seen = f"refused within {seconds + _POLL_SECONDS:.1f} seconds"


async def _ask(http: httpx2.AsyncClient, url: str, key: ApiKey) -> int:
    headers = {**PROTOCOL, "accept": "application/json, text/event-stream", "x-api-key": key.text}
    return (await fetch(http, "POST", url, json=_LIST_TOOLS, headers=headers)).status_code


def _choose(tools: list[Tool], name: str | None) -> str:
    if name is None:
        found = first_easy_one(tools)
        if found is None:
            raise StepSkipped("no tool only reads and needs no arguments; name one with --tool")
        return found
    tool = next((tool for tool in tools if tool.name == name), None)
    if tool is None:
        raise StepFailed(f"the key does not see {name}", "give the key this tool")
    if not (tool.annotations and tool.annotations.read_only_hint):
        fix = "name a tool whose annotations say read-only"
        raise StepFailed(f"{name} may change rows, so it is not called", fix)
    return name


def _explain(error: BaseException, wrong: str) -> StepFailed:
    cause = innermost(error)
    if not isinstance(cause, (MCPError, httpx2.HTTPError)):
        raise error
    return StepFailed(f"{wrong}: {describe(cause)}", "read the gateway's log of this request")
