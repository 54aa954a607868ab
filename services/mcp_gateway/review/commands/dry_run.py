"""`gatepost tools dry-run`: show the HTTP request of a call without sending it.

The call passes the gateway's own steps, and a stand-in replaces the upstream.
"""

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import click
import orjson
from pydantic import SecretStr

from gatepost.claims import AccessClaims, MalformedClaims, parse_claims
from gatepost.clock import utc_now
from gatepost.settings import SettingsError
from gatepost_cli.terminal import echo
from gatepost_cli.url import URL
from mcp_gateway.apis.api import Api
from mcp_gateway.apis.credential_settings import StaticCredential
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.composite import INPUT, LeadsNowhere, ValuePath
from mcp_gateway.catalogue.fill import describe_fill
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.pipeline.bindable_claims import resolve_claim
from mcp_gateway.pipeline.call import CallMetrics, ToolCall, ToolResult
from mcp_gateway.pipeline.compose import compose
from mcp_gateway.pipeline.remote import McpUpstream
from mcp_gateway.pipeline.rest import RestUpstream
from mcp_gateway.pipeline.retry import RetryingSender
from mcp_gateway.pipeline.send import Sender
from mcp_gateway.pipeline.steps.bind_claims import bind_claims
from mcp_gateway.pipeline.steps.call_upstream import call_upstream
from mcp_gateway.pipeline.steps.composing.make_calls import missing_claim
from mcp_gateway.pipeline.steps.validate_arguments import validate_arguments
from mcp_gateway.pipeline.upstream import Upstream
from mcp_gateway.remote.messages import STATELESS, Protocol
from mcp_gateway.remote.sessions import Sessions
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.requests.serialise import RequestWriters
from mcp_gateway.review.commands.options import load, manifest_option, require_callable
from mcp_gateway.review.compare_answer import Undeliverable, compare_answer
from mcp_gateway.settings import McpGatewaySettings
from mcp_gateway.upstream.credentials.attach import Attachments
from mcp_gateway.upstream.credentials.static import Static
from mcp_gateway.upstream.guards import Guards
from mcp_gateway.work.worker import Worker

_MASK = "***"
_STAND_IN = "the-secret-stands-here"
_AS_BASIC = b64encode(_STAND_IN.encode()).decode()
_EXAMPLES = {"tenant_id": "org_example", "sub": "usr_example", "client_id": "client_example"}
_LONGEST_BODY = 10_000


class _Nowhere:
    """An upstream that stores the request and does not answer."""

    def __init__(self) -> None:
        self.request: HttpRequest | None = None

    async def send(self, request: HttpRequest, *, deadline: float) -> HttpResponse:
        """Store the request."""
        self.request = request
        raise RequestFailed("dry_run", "Nothing is sent in a dry run.")


@click.command(name="dry-run")
@click.argument("name")
@click.argument("arguments", default="{}")
@manifest_option
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Path of gatepost.yaml, for the API's URL and credentials.  [default: $GATEPOST_CONFIG]",
)
@click.option("--upstream-url", type=URL, help="The API's address, instead of the configured one.")
@click.option(
    "--claim",
    "claims",
    metavar="CLAIM=VALUE",
    multiple=True,
    help="A claim of the caller, such as tenant_id=org_acme or data_scope.team=design.",
)
@click.option(
    "--answer",
    metavar="FILE",
    type=click.File("rb"),
    help="An answer of the API, or - for standard input: print where it deviates from the published "
    "schema, instead of the request.",
)
def dry_run(
    name: str,
    arguments: str,
    path: Path,
    config: Path | None,
    upstream_url: str | None,
    claims: tuple[str, ...],
    answer: BinaryIO | None,
) -> None:
    """Print the exact request that calling NAME with ARGUMENTS (JSON) would send.

    Secrets are masked, and claims that are not given have example values. Exits with 1 if the
    gateway would refuse the call, and prints the reason that the model would read; also if the answer
    deviates.
    """
    catalogue = load(path)[2]
    tool = require_callable(catalogue, name)
    if answer is not None:
        _compare(tool, answer.read())
        return
    caller = _caller(tool, claims)
    api, attachments = _upstream(path, config, upstream_url, catalogue)
    try:
        given = orjson.loads(arguments)
    except orjson.JSONDecodeError as error:
        raise click.UsageError(f"ARGUMENTS is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise click.UsageError('ARGUMENTS must be a JSON object, such as {"limit": 5}')
    dry = _DryRun(catalogue, caller, api, attachments)
    lines = dry.describe(tool, given) if tool.composite is None else dry.describe_calls(tool, given)
    for line in lines:
        echo(line)


def _compare(tool: Tool, body: bytes) -> None:
    """Print where an answer deviates from the published schema, and exit with 1 if it does."""
    if tool.output is None:
        raise click.UsageError(
            f"--answer: {tool.name} publishes no schema of its answer; set `output: publish`"
        )
    try:
        deviations = compare_answer(tool, tool.output, body)
    except Undeliverable as problem:
        raise click.ClickException(str(problem)) from None
    if not deviations:
        echo("The answer matches the published schema.")
        return
    echo(f"Clients get the answer as `{tool.output.unexpected}`, because it deviates:")
    for place, what in deviations:
        echo(f"  {place} {what}")
    click.get_current_context().exit(1)


@dataclass(frozen=True, slots=True)
class _DryRun:
    catalogue: Catalogue
    caller: AccessClaims
    api: Api
    attachments: Attachments

    def describe(self, tool: Tool, arguments: Mapping[str, Any]) -> list[str]:
        """Describe the request of a call.

        Raises:
            click.ClickException: the gateway would refuse the call.
        """
        request, result = asyncio.run(
            _walk(self.catalogue, tool, self.caller, arguments, self.api, self.attachments)
        )
        if request is None:
            raise click.ClickException(str(result.content[0]["text"]))
        return _describe(tool, self.caller, request)

    def describe_calls(self, tool: Tool, arguments: Mapping[str, Any]) -> list[str]:
        """Describe the calls of a composite tool, and the requests that don't depend on an answer.

        Raises:
            click.ClickException: the gateway would refuse the call, or one of these.
        """
        assert tool.composite is not None  # noqa: S101 - the caller looked
        if problems := tool.validate(arguments):
            raise click.ClickException(
                "\n".join(f"{one.argument}: {one.message}".removeprefix(": ") for one in problems)
            )
        if (missing := missing_claim(self.caller, tool.composite)) is not None:
            raise click.ClickException(f"The token needs the claim {missing}; give it by --claim")
        lines: list[str] = []
        for call in tool.composite.calls:
            lines += [""] if lines else []
            lines.append(f"# {call.name}: {call.tool.name}")
            if call.for_each is not None:
                lines.append(f"# for each item of {call.for_each}, at most {call.most}")
            if call.when is not None:
                lines.append(f"# only if {call.when}")
            open_paths = {
                name: path
                for name, path in call.arguments.items()
                if isinstance(path, ValuePath) and path.source != INPUT
            }
            if not open_paths:
                try:
                    lines += self.describe(call.tool, call.fill({INPUT: arguments}))
                except LeadsNowhere as problem:
                    raise click.ClickException(f"{problem}. {call.tool.name} needs it") from None
                continue
            lines.append(call.tool.target)
            lines += [f"# {name} comes from {path}" for name, path in open_paths.items()]
        return lines


async def _walk(
    catalogue: Catalogue,
    tool: Tool,
    caller: AccessClaims,
    arguments: Mapping[str, Any],
    api: Api,
    attachments: Attachments,
) -> tuple[HttpRequest | None, ToolResult]:
    nowhere = _Nowhere()
    guards = Guards((api,), now=utc_now)
    sender = Sender(
        nowhere,
        attachments=attachments,
        guards=guards,
        sign=lambda request, caller, tool, call_id: _MASK,
        now=utc_now,
    )
    retrying = RetryingSender(sender, guards, now=utc_now, wait=asyncio.sleep, random=lambda: 0.0)
    requests = RequestWriters(api.url)
    upstream: Upstream = RestUpstream(requests, retrying)
    if tool.remote:
        sessions = Sessions()
        sessions.remember(("", "", ""), Protocol(STATELESS))
        upstream = McpUpstream(
            api.url, requests, sender, retrying, sessions, worker=Worker(), now=utc_now
        )
    steps = (
        validate_arguments(catalogue, utc_now),
        bind_claims,
        call_upstream({"": upstream}),
    )
    call = ToolCall("dry-run", caller, tool.name, arguments, CallMetrics(), tool=tool)
    result = await compose(steps)(call)
    return nowhere.request, result


def _caller(tool: Tool, given: tuple[str, ...]) -> AccessClaims:
    values = dict(_EXAMPLES)
    kinds: dict[str, str] = {}
    called = () if tool.composite is None else tool.composite.calls
    bound = [
        claim for one in (tool, *(call.tool for call in called)) for claim in one.bindings.values()
    ]
    for claim in bound:
        if claim.startswith("data_scope."):
            kinds[claim.removeprefix("data_scope.")] = "example"
    for entry in given:
        claim, equals, value = entry.partition("=")
        if not equals or (claim not in values and not claim.startswith("data_scope.")):
            known = ", ".join([*values, "data_scope.KIND"])
            raise click.UsageError(f"--claim {entry}: write CLAIM=VALUE; claims: {known}")
        if claim in values:
            values[claim] = value
        else:
            kinds[claim.removeprefix("data_scope.")] = value
    try:
        return parse_claims(
            {
                **values,
                "iss": "dry-run",
                "aud": "dry-run",
                "jti": "dry-run",
                "iat": 0,
                "exp": 0,
                "scope": "",
                "allowed_tools": [tool.name],
                "data_scope": " ".join(f"{kind}:{value}" for kind, value in kinds.items()),
                "rate_limit_tier": "",
                "grant_id": "",
                "grant_version": 0,
                "env": "test",
            }
        )
    except MalformedClaims as error:
        raise click.UsageError(f"--claim: {error}") from None


def _upstream(
    manifest: Path, config: Path | None, upstream_url: str | None, catalogue: Catalogue
) -> tuple[Api, Attachments]:
    try:
        if config is None:
            api = _unconfigured(manifest, catalogue)
        else:
            api = _find_api(McpGatewaySettings.load(config), manifest)
        # The manifest alone has no prefix. The secrets are not needed, and unread ones can't be shown.
        api = replace(
            api,
            name="",
            url=upstream_url or api.url,
            headers=tuple((name, _MASK) for name, _ in api.headers),
        )
        sources = dict.fromkeys(api.credentials, Static(_STAND_IN))
        return api, Attachments(catalogue, api, sources)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


def _unconfigured(manifest: Path, catalogue: Catalogue) -> Api:
    named = {name for tool in catalogue.tools_of("") for name in tool.credentials.values()}
    stand_in = StaticCredential(mode="static", value=SecretStr(_STAND_IN))
    url = "https://api.example.com"
    return Api("", "", manifest, url, url, credentials=dict.fromkeys(named, stand_in))


def _find_api(settings: McpGatewaySettings, manifest: Path) -> Api:
    """Return the only API, or the one with this manifest."""
    apis = settings.served_apis
    for api in apis:
        if len(apis) == 1 or api.manifest.resolve() == manifest.resolve():
            return api
    known = ", ".join(str(api.manifest) for api in apis)
    raise SettingsError(f"no API in the settings has the manifest {manifest}; they have {known}")


def _describe(tool: Tool, caller: AccessClaims, request: HttpRequest) -> list[str]:
    lines = [f"{request.method} {request.url}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    lines = [line.replace(_STAND_IN, _MASK).replace(_AS_BASIC, _MASK) for line in lines]
    if request.body:
        lines += ["", _body(request.body).replace(_STAND_IN, _MASK)]
    if tool.bindings or tool.fill:
        lines.append("")
        for argument, fill in tool.fill.items():
            lines.append(f"# {argument} is filled by the gateway: {describe_fill(fill)}")
        for argument, claim in tool.bindings.items():
            value = resolve_claim(caller, claim)
            said = ", ".join(value) if isinstance(value, list) else value
            lines.append(f"# {argument} is bound to the claim {claim}: {said}")
    return lines


def _body(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return f"({len(body)} bytes that are not text)"
    more = len(text) - _LONGEST_BODY
    return text if more <= 0 else f"{text[:_LONGEST_BODY]}… ({more} characters more)"
