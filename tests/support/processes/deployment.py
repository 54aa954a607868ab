"""The whole product on this machine: an API, an authorization server, two gateways, as processes."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

import demo_saas
from support.in_process.oauth_client import register
from support.in_process.person import Person
from support.processes.configuration import issuing, serving, write_config
from support.processes.fork_server import start
from support.processes.services import Service, free_port, running_service

GATEPOST = (sys.executable, "-m", "gatepost_cli")
GATEPOST_SCRIPT = (Path(sys.executable).with_name("gatepost"),)
"""The command as operators start it, which takes longer."""
SAAS = (sys.executable, "-m", "demo_saas")
API_DOCUMENT = Path(demo_saas.__file__).with_name("openapi.json")
MANAGED_CLIENT = "orbit-cli"
"""A public client that the operator vouches for, as `prepare_database` seeds it."""
BROWSER_ORIGIN = "http://localhost:6274"
"""Where a client that is a web page, such as the MCP Inspector, is served from."""

SAAS_TOKEN = "gatepost_admin_of-orbit-0123456789abcdef0123456789abcdef012"
"""The admin token with which Orbit asks for component tokens, as soon as a test has stored it."""

Mode = Literal["auto", "legacy"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """The services' URLs, and the API's own database for tests to read."""

    issuer: str
    resource: str
    other_resource: str
    """A second gateway's, known to the same authorization server."""
    saas: str
    folder: Path
    services: dict[str, Service] = field(default_factory=dict)
    """The processes by their names."""

    def rows(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        """Read rows of the API's database: the file, not the API."""
        with closing(sqlite3.connect(f"file:{self.folder}/orbit.db?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(sql, parameters)]

    def api_requests(self) -> list[str]:
        """List the requests in the API's log."""
        log = (self.folder / "demo-saas.log").read_text()
        return [line.split('"')[1] for line in log.splitlines() if " /v1/" in line]


@dataclass(frozen=True, slots=True)
class Connection:
    """A client that one person connected: its tokens, and calls by the official SDK with them."""

    deployment: Deployment
    tokens: dict[str, Any]

    @property
    def headers(self) -> dict[str, str]:
        """The headers with the access token."""
        return {"authorization": f"Bearer {self.tokens['access_token']}"}

    @asynccontextmanager
    async def client(self, mode: Mode = "auto") -> AsyncIterator[Client]:
        """Open an MCP client that sends this connection's token."""
        async with (
            httpx2.AsyncClient(headers=self.headers, trust_env=False) as http,
            Client(
                streamable_http_client(self.deployment.resource, http_client=http), mode=mode
            ) as client,
        ):
            yield client

    async def tool_names(self) -> list[str]:
        """List the tools' names."""
        async with self.client() as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    async def call(self, tool: str, **arguments: Any) -> CallToolResult:
        """Call a tool."""
        async with self.client() as client:
            return await client.call_tool(tool, arguments)


@asynccontextmanager
async def a_person(email: str) -> AsyncIterator[Person]:
    """Return a person with a new browser."""
    async with httpx2.AsyncClient(trust_env=False) as browser:
        yield Person(browser, email)


async def connect(
    deployment: Deployment, person: Person, *, resource: str | None = None, **choices: Any
) -> Connection:
    """Let a person approve a minimal client, with `Person.approve`'s choices."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        client = await register(http, deployment.issuer, resource or deployment.resource)
        return Connection(deployment, await client.connect(person, **choices))


async def require_refused_elsewhere(deployment: Deployment, access_token: str) -> None:
    """Send a token that the first gateway takes to the second, which must not."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {"authorization": f"Bearer {access_token}", "mcp-protocol-version": "2025-11-25"}
    async with httpx2.AsyncClient(headers=headers, trust_env=False) as http:
        here = await http.post(deployment.resource, json=message)
        elsewhere = await http.post(deployment.other_resource, json=message)
    assert (here.status_code, elsewhere.status_code) == (200, 401)
    challenge = elsewhere.headers["www-authenticate"]
    metadata = f"{origin(deployment.other_resource)}/.well-known/oauth-protected-resource/mcp"
    assert challenge.startswith("Bearer ")
    assert 'error="invalid_token"' in challenge
    assert f'resource_metadata="{metadata}"' in challenge


@contextmanager
def running_deployment(
    folder: Path,
    database_url: str,
    *,
    host: str = "127.0.0.1",
    redis_url: str | None = None,
    tracing: Mapping[str, Any] | None = None,
    **auth_server: Any,
) -> Iterator[Deployment]:
    """Run everything for as long as the block lasts.

    Args:
        folder: an empty folder for configuration, keys, the API's database and logs.
        database_url: of the authorization server, as `prepare_database` leaves it.
        host: what the authorization server is called; passkeys need `localhost`.
        redis_url: the Redis that it shares with the gateways; without one they ask it.
        tracing: the settings of traces of all services.
        auth_server: more settings of the authorization server.
    """
    deployment = Deployment(
        issuer=f"http://{host}:{free_port()}",
        resource=f"http://127.0.0.1:{free_port()}/mcp",
        other_resource=f"http://127.0.0.1:{free_port()}/mcp",
        saas=f"http://127.0.0.1:{free_port()}",
        folder=folder,
    )
    shared: dict[str, Any] = {"redis_url": redis_url} if redis_url else {}
    if tracing is not None:
        shared["tracing"] = tracing
    configure(
        deployment, database_url, shared, {"component_origins": [deployment.saas], **auth_server}
    )
    gateway, other = origin(deployment.resource), origin(deployment.other_resource)
    saas = (
        *(*SAAS, "--database", folder / "orbit.db", "--gatepost-issuer", deployment.resource),
        *("--gatepost-jwks-url", f"{gateway}/.well-known/jwks.json"),
    )
    one, another = folder / "gatepost.yaml", folder / "other.yaml"
    with ExitStack() as stack:
        for name, argv, url, ready_path in (
            ("demo-saas", saas, deployment.saas, "/healthz"),
            ("auth-server", serve("auth-server", one), deployment.issuer, "/readyz"),
            ("mcp-gateway", serve("mcp-gateway", one), gateway, "/readyz"),
            ("other-gateway", serve("mcp-gateway", another), other, "/readyz"),
        ):
            deployment.services[name] = stack.enter_context(
                running_service(
                    (*argv, "--port", str(urlsplit(url).port)),
                    url=url,
                    log=folder / f"{name}.log",
                    ready_path=ready_path,
                    env={
                        "ORBIT_GATEPOST_URL": deployment.issuer,
                        "ORBIT_GATEPOST_ADMIN_TOKEN": SAAS_TOKEN,
                    },
                )
            )
        yield deployment


def serve(service: str, config: Path) -> tuple[str | Path, ...]:
    """Write the command that starts a service, but for its port."""
    return (*GATEPOST, service, "serve", "--config", config)


def origin(url: str) -> str:
    """Cut a URL to its scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def run_to_end(
    *command: str | Path, env: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[str]:
    """Run a program; return how it ended and what it wrote."""
    argv = [str(part) for part in command]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        code = start(argv, output=output, errors=errors, env=env).wait()
        output.seek(0)
        errors.seek(0)
        said, complained = output.read().decode(), errors.read().decode()
    return subprocess.CompletedProcess(argv, code, said, complained)


def run(*command: str | Path, env: Mapping[str, str] = os.environ) -> str:
    """Run a program that must succeed; return what it wrote."""
    done = run_to_end(*command, env=env)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


def import_api(document: str | Path, folder: Path) -> None:
    """Write the manifest of the demo SaaS, as a person would who serves all of it."""
    options = ("--out", folder, "--name", "Orbit", "--all", "--bind", "org_id=tenant_id")
    run(*GATEPOST, "import", "openapi", document, *options)


def write_manifest(folder: Path) -> None:
    """Write the files that `import_api` writes; only the first one of a test process imports."""
    for name, content in _imported_files().items():
        (folder / name).write_bytes(content)


@cache
def _imported_files() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        import_api(API_DOCUMENT, Path(folder))
        return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def configure(
    deployment: Deployment,
    database_url: str,
    shared: Mapping[str, Any] = MappingProxyType({}),
    changes: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write the configuration of the services, and the manifest.

    Args:
        deployment: where they will answer.
        database_url: the authorization server's.
        shared: settings of all services.
        changes: more settings of the authorization server.
    """
    folder, issuer, saas = deployment.folder, deployment.issuer, deployment.saas
    one, other = (
        serving(issuer, resource, saas, signing_key=key, allowed_origins=[BROWSER_ORIGIN], **shared)
        for resource, key in (
            (deployment.resource, "gateway.pem"),
            (deployment.other_resource, "other-gateway.pem"),
        )
    )
    registrations = ("per_minute", "per_day", "overall_per_minute")
    write_config(folder, name="other.yaml", mcp_gateway=other)
    write_config(
        folder,
        auth_server=issuing(
            issuer,
            deployment.resource,
            deployment.other_resource,
            database_url=database_url,
            operator_sign_in_level=1,
            **{f"registrations_{name}": 10000 for name in registrations},
            **shared,
            **changes,
        ),
        mcp_gateway=one,
    )
    write_manifest(folder)
