"""Two gateways and two authorization servers behind load balancers are restarted one by one."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from support.in_process.auth_server import SEED, prepare_database
from support.in_process.oauth_client import OAuthClient, register
from support.in_process.person import ADA
from support.processes.configuration import issuing, serving, write_config
from support.processes.deployment import SAAS, a_person, write_manifest
from support.processes.postgres import PostgresServer
from support.processes.proxies import running_proxy
from support.processes.rolling import Part
from support.processes.services import POLL_SECONDS, free_port, running_service

pytestmark = [pytest.mark.anyio, pytest.mark.whole_machine]

CALLERS = 3
LAME_DUCK = 0.5
HEADERS = {
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": "2025-11-25",
}
_ACME, *_OTHERS = SEED["tenants"]
QUICK = {**SEED, "tenants": [{**_ACME, "rate_limit_tier": "enterprise"}, *_OTHERS]}
"""The demo's people; Acme may call as often as the test likes."""


@dataclass
class Place:
    """Everything behind the load balancers."""

    issuer: str
    resource: str
    database_url: str
    gateways: list[Part]
    servers: list[Part]


@pytest.fixture
def place(tmp_path: Path, postgres: PostgresServer) -> Iterator[Place]:
    """A load balancer in front of each kind of service asks whether they are ready."""
    database_url = postgres.create_database(lambda url: prepare_database(url, QUICK))
    outside, inside = [free_port() for _ in range(2)], [free_port() for _ in range(4)]
    issuer, resource = f"http://127.0.0.1:{outside[0]}", f"http://127.0.0.1:{outside[1]}/mcp"
    saas = f"http://127.0.0.1:{free_port()}"
    ending = {"lame_duck_seconds": LAME_DUCK}
    gateway = serving(issuer, resource, saas, **ending)
    server = issuing(issuer, resource, database_url=database_url, **ending)
    one = write_config(tmp_path, auth_server=server, mcp_gateway=gateway)
    other = write_config(
        tmp_path, name="other.yaml", mcp_gateway={**gateway, "event_spool": "other.events.db"}
    )
    write_manifest(tmp_path)
    with ExitStack() as stack:
        servers = [Part("auth-server", port, one, "issued", stack) for port in inside[:2]]
        gateways = [
            Part("mcp-gateway", port, config, "tool_call", stack)
            for port, config in zip(inside[2:], (one, other), strict=True)
        ]
        stack.enter_context(running_proxy(tmp_path, outside[0], inside[:2]))
        stack.enter_context(running_proxy(tmp_path, outside[1], inside[2:]))
        argv = (
            *(*SAAS, "--port", saas.rpartition(":")[2], "--database", tmp_path / "orbit.db"),
            *("--gatepost-issuer", resource),
            *("--gatepost-jwks-url", f"http://127.0.0.1:{outside[1]}/.well-known/jwks.json"),
        )
        log = tmp_path / "demo-saas.log"
        stack.enter_context(running_service(argv, url=saas, log=log, ready_path="/healthz"))
        for part in (*servers, *gateways):
            part.start()
        yield Place(issuer, resource, database_url, gateways, servers)


@dataclass
class Load:
    """A steady load: calls of a tool, and refreshes of a token."""

    place: Place
    done: asyncio.Event = field(default_factory=asyncio.Event)
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    async def call_on(self, access_token: str) -> None:
        """Call a tool again and again."""
        headers = {**HEADERS, "authorization": f"Bearer {access_token}"}
        params = {"name": "list_projects", "arguments": {}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        async with httpx2.AsyncClient(trust_env=False, headers=headers, timeout=30) as http:
            while not self.done.is_set():
                await self._count(
                    "calls", http.post(self.place.resource, json=body), '"isError":false'
                )
                await asyncio.sleep(POLL_SECONDS)

    async def refresh_on(self, client: OAuthClient, tokens: dict[str, Any]) -> None:
        """Refresh the token again and again."""
        while not self.done.is_set():
            answer = await self._count(
                "refreshes", client.refresh(tokens["refresh_token"]), '"refresh_token"'
            )
            if answer is not None and answer.status_code == 200:
                tokens = answer.json()
            await asyncio.sleep(POLL_SECONDS)

    async def _count(self, name: str, sending: Any, expected: str) -> httpx2.Response | None:
        self.counts[name] += 1
        try:
            answer: httpx2.Response = await sending
        except httpx2.HTTPError as problem:
            self.failures.append(f"{name}: {problem!r}")
            return None
        if answer.status_code != 200 or expected not in answer.text:
            self.failures.append(f"{name}: {answer.status_code} {answer.text[:300]}")
        return answer


@asynccontextmanager
async def an_open_question(place: Place, access_token: str) -> AsyncIterator[AsyncIterator[Any]]:
    """Call a tool that asks a person first, and yield the messages of the call's stream."""
    headers = {**HEADERS, "authorization": f"Bearer {access_token}"}
    async with httpx2.AsyncClient(trust_env=False, headers=headers, timeout=60) as http:
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
            lines = stream.aiter_lines()
            yield (json.loads(line[6:]) async for line in lines if line.startswith("data: "))


async def test_a_rolling_restart_behind_load_balancers_fails_no_call_and_loses_no_event(
    place: Place,
) -> None:
    load = Load(place)
    async with httpx2.AsyncClient(trust_env=False) as http, a_person(ADA[0]) as ada:
        client = await register(http, place.issuer, place.resource)
        tokens = await client.connect(ada, tick=["delete_task"])
        access_token = tokens["access_token"]
        async with an_open_question(place, access_token) as messages:
            assert (await anext(messages))["method"] == "elicitation/create"

            async with asyncio.TaskGroup() as working:
                for _ in range(CALLERS):
                    working.create_task(load.call_on(access_token))
                working.create_task(load.refresh_on(client, tokens))
                for part in (*place.gateways, *place.servers):
                    await part.replace()
                load.done.set()

            # The question was withdrawn, and its stream ended as it should.
            [last] = [message async for message in messages]
            assert last["id"] == 2
            assert "The gateway restarts" in last["result"]["content"][0]["text"]
    assert load.failures == []
    for gateway in place.gateways:
        assert await asyncio.to_thread(gateway.stop) == 0
    url = place.database_url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(url) as db:
        logged = db.execute("SELECT count(*) FROM call_log WHERE tool = 'list_projects'").fetchone()
    assert logged == (load.counts["calls"],)
