"""Both services behind Caddy, with the configuration of one box and certificates of its own authority."""

import asyncio
import json
import shutil
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from support.in_process.oauth_client import register
from support.in_process.person import ADA, Person
from support.processes.configuration import issuing, serving, write_config
from support.processes.deployment import SAAS, serve, write_manifest
from support.processes.proxies import running_caddy
from support.processes.raw_api import running_raw_api
from support.processes.services import POLL_SECONDS, Service, free_port, running_service

pytestmark = [pytest.mark.anyio, pytest.mark.whole_machine]


@dataclass
class Place:
    """The public URLs, and how to trust and restart what is behind them."""

    issuer: str
    resource: str
    trusted: ssl.SSLContext
    services: dict[str, Service]
    stack: ExitStack
    folder: Path
    ports: dict[str, int]

    @asynccontextmanager
    async def browser(self, **options: Any) -> AsyncIterator[httpx2.AsyncClient]:
        """Open an HTTP client that trusts Caddy's authority."""
        async with httpx2.AsyncClient(verify=self.trusted, trust_env=False, **options) as http:
            yield http

    def start(self, service: str) -> None:
        """Start a process, and wait until it is ready."""
        port = self.ports[service]
        argv = (*serve(service, self.folder / "gatepost.yaml"), "--port", str(port))
        self.services[service] = self.stack.enter_context(
            running_service(
                argv,
                url=f"http://127.0.0.1:{port}",
                log=self.folder / f"{service}.log",
                ready_path="/readyz",
            )
        )


@pytest.fixture
def place(tmp_path: Path, seeded_sqlite: Path) -> Iterator[Place]:
    """One box: a process of each service, and Caddy."""
    shutil.copy(seeded_sqlite, tmp_path / "gatepost.db")
    outside = {name: free_port() for name in ("auth-server", "mcp-gateway")}
    inside = {name: free_port() for name in outside}
    issuer = f"https://localhost:{outside['auth-server']}"
    resource = f"https://localhost:{outside['mcp-gateway']}/mcp"
    gateway = f"http://127.0.0.1:{inside['mcp-gateway']}"
    saas = f"http://127.0.0.1:{free_port()}"
    jwks = f"{gateway}/.well-known/jwks.json"
    entry = {"catalogue_url": f"{gateway}/internal/catalogue", "gateway_jwks_url": jwks}
    write_config(
        tmp_path,
        auth_server=issuing(
            issuer,
            resources=[{"resource": resource, **entry}],
            trusted_proxies=1,
            lame_duck_seconds=0,
            registrations_per_minute=1,
        ),
        mcp_gateway=serving(
            issuer,
            resource,
            saas,
            authorization_server_url=f"http://127.0.0.1:{inside['auth-server']}",
            lame_duck_seconds=2,
        ),
    )
    write_manifest(tmp_path)
    with ExitStack() as stack:
        trusted = stack.enter_context(running_caddy(tmp_path, outside, inside))
        orbit = (
            *(*SAAS, "--port", saas.rpartition(":")[2], "--database", tmp_path / "orbit.db"),
            *("--gatepost-issuer", resource, "--gatepost-jwks-url", jwks),
        )
        log = tmp_path / "demo-saas.log"
        stack.enter_context(running_service(orbit, url=saas, log=log, ready_path="/healthz"))
        place = Place(issuer, resource, trusted, {}, stack, tmp_path, inside)
        for service in outside:
            place.start(service)
        yield place


async def call_on(place: Place, token: str, done: asyncio.Event) -> list[str]:
    """Call a tool until it is enough; return the answers."""
    answers = []
    headers = {
        "authorization": f"Bearer {token}",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2025-11-25",
    }
    params = {"name": "list_projects", "arguments": {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    async with place.browser(headers=headers, timeout=60) as http:
        while not done.is_set():
            answer = await http.post(place.resource, json=body)
            went_well = '"isError":false' in answer.text
            answers.append("ok" if went_well else f"{answer.status_code} {answer.text[:300]}")
            await asyncio.sleep(POLL_SECONDS)
    return answers


async def ask_to_delete(place: Place, token: str) -> dict[str, Any]:
    """Call a tool that asks a person first; return the first message of the open stream."""
    headers = {
        "authorization": f"Bearer {token}",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2025-11-25",
    }
    async with place.browser(headers=headers, timeout=60) as http:
        params: dict[str, Any] = {
            "protocolVersion": "2025-11-25",
            "capabilities": {"elicitation": {}},
            "clientInfo": {"name": "a client", "version": "1"},
        }
        body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
        answer = await http.post(place.resource, json=body)
        session = {"mcp-session-id": answer.headers["mcp-session-id"]}
        params = {"name": "delete_task", "arguments": {"task_id": "tsk_1"}}
        body = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}
        async with http.stream("POST", place.resource, json=body, headers=session) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data: "):
                    message: dict[str, Any] = json.loads(line[6:])
                    return message
    raise AssertionError("the stream ended without a message")


async def test_a_client_connects_through_tls_and_no_call_fails_while_processes_are_replaced(
    place: Place,
) -> None:
    async with place.browser() as http, place.browser() as browser:
        app = await register(http, place.issuer, place.resource)
        # The address that counts is the one that Caddy saw, whatever a client claims.
        claimed = {"x-forwarded-for": "203.0.113.9"}
        other = await http.post(
            f"{place.issuer}/register", json={"redirect_uris": [app.redirect_uri]}, headers=claimed
        )
        tokens = await app.connect(Person(browser, ADA[0]), tick=["delete_task"])
        token = tokens["access_token"]
        headers = {"authorization": f"Bearer {token}"}
        async with (
            place.browser(headers=headers) as authorized,
            Client(streamable_http_client(place.resource, http_client=authorized)) as client,
        ):
            tools = [tool.name for tool in (await client.list_tools()).tools]
            # The API learns the gateway's key.
            assert not (await client.call_tool("list_projects", {})).is_error
        question = await ask_to_delete(place, token)

        done = asyncio.Event()
        calls = asyncio.create_task(call_on(place, token, done))
        for service in ("mcp-gateway", "auth-server"):
            assert await asyncio.to_thread(place.services[service].stop) == 0
            waiting = asyncio.create_task(http.get(f"{place.issuer}/jwks.json", timeout=60))
            await asyncio.to_thread(place.start, service)
            assert (await waiting).status_code == 200
        done.set()
        answers = await calls
        refreshed = await app.refresh(tokens["refresh_token"])

    assert "list_projects" in tools
    assert question["method"] == "elicitation/create"
    assert set(answers) == {"ok"}
    assert refreshed.status_code == 200
    assert other.status_code == 429


async def test_behind_another_proxy_the_client_is_the_one_that_this_proxy_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXIES", "127.0.0.1/32 ::1/128")
    ports = {name: free_port() for name in ("auth-server", "mcp-gateway")}
    async with running_raw_api() as api:
        servers = dict.fromkeys(ports, api.port)
        with running_caddy(tmp_path, ports, servers) as trusted:
            async with httpx2.AsyncClient(verify=trusted, trust_env=False) as http:
                url, claimed = f"https://localhost:{ports['auth-server']}/", "203.0.113.9"
                await http.get(url, headers={"x-forwarded-for": claimed})

    [asked] = [call.head.lower() for call in api.calls if b"get / " in call.head.lower()]
    assert b"\r\nx-forwarded-for: 203.0.113.9, " in asked
