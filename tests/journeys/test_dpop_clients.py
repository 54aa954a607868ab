"""A client with a key, which the official conformance suite finds correct, connects to both services."""

import sys
from pathlib import Path

import httpx2
import pytest

from support.in_process.auth_server import running_auth_server
from support.in_process.clock import Clock
from support.in_process.gateway import Keys, a_world
from support.processes.conformance import run_client_suite
from support.processes.dpop_client import DpopClient

PLAIN, WITH_NONCES = "auth/dpop", "auth/dpop-nonce"


@pytest.mark.whole_machine
@pytest.mark.parametrize("scenario", [PLAIN, WITH_NONCES])
def test_the_client_passes_the_conformance_suite(scenario: str, tmp_path: Path) -> None:
    """SEP-1932: so what it sends is what the services below have to accept."""
    command = (sys.executable, "-P", "-m", "support.processes.dpop_client")
    said = run_client_suite(scenario, command, tmp_path)
    expected = 14 if scenario == WITH_NONCES else 12
    assert f"Passed: {expected}/{expected}, 0 failed, 0 warnings" in said, said


@pytest.mark.parametrize("nonces", [False, True])
async def test_the_client_connects_calls_and_refreshes(
    sqlite_url: str, clock: Clock, tmp_path: Path, nonces: bool
) -> None:
    """RFC 9449 §5 to §9 at both services, whether they ask for nonces or not."""
    async with running_auth_server(sqlite_url, clock, dpop_nonces=nonces) as server:
        keys = Keys((await server.http.get("/jwks.json")).content)
        async with a_world(tmp_path, keys=keys, dpop_nonces=nonces) as world:
            mounts = {
                server.issuer: server.http._transport,
                "all://127.0.0.1:8401": world.http._transport,
            }
            async with httpx2.AsyncClient(mounts=mounts) as http:
                client = DpopClient(http, server.resource, server.person().approve, clock)
                await client.connect()
                listed = await client.ask("tools/list")
                called = await client.ask("tools/call", {"name": "list_tasks", "arguments": {}})
                await client.refresh()
                again = await client.ask("tools/list")
                captured = await http.post(
                    server.resource,
                    headers={"authorization": f"Bearer {client.access_token}"},
                    json={},
                )
    tools = {tool["name"] for tool in listed.json()["result"]["tools"]}
    assert "list_tasks" in tools and again.json() == listed.json()
    assert called.json()["result"]["isError"] is False
    assert captured.status_code == 401
    assert len(client.nonces) == (2 if nonces else 0)
