"""Clients of workloads and of organisations, which the official conformance suite finds correct."""

import sys
from pathlib import Path

import httpx2
import pytest

from support.in_process.auth_server import running_auth_server
from support.in_process.clock import Clock
from support.in_process.gateway import Keys, a_world
from support.in_process.workloads import assertion, trust
from support.processes.conformance import run_client_suite
from support.processes.workload_client import get_token, list_tools


@pytest.mark.whole_machine
@pytest.mark.parametrize(
    ("scenario", "client"),
    [
        ("auth/wif-jwt-bearer", "workload_client"),
        ("auth/enterprise-managed-authorization", "managed_client"),
    ],
)
def test_the_client_passes_the_conformance_suite(
    scenario: str, client: str, tmp_path: Path
) -> None:
    """SEP-1933, SEP-990: the same code connects to the services, below and in `test_enterprise_managed`."""
    command = (sys.executable, "-P", "-m", f"support.processes.{client}")
    said = run_client_suite(scenario, command, tmp_path)
    assert ", 0 failed, 0 warnings" in said, said


async def test_the_client_of_a_workload_connects_and_lists_what_its_service_client_may_use(
    sqlite_url: str, clock: Clock, tmp_path: Path
) -> None:
    async with running_auth_server(sqlite_url, clock) as server:
        await trust(server)
        keys = Keys((await server.http.get("/jwks.json")).content)
        async with a_world(tmp_path, keys=keys) as world:
            mounts = {
                server.issuer: server.http._transport,
                "all://127.0.0.1:8401": world.http._transport,
            }
            async with httpx2.AsyncClient(mounts=mounts) as http:
                token = await get_token(http, server.resource, assertion(server))
                tools = await list_tools(http, server.resource, token)
    assert "list_tasks" in tools
    assert "create_task" not in tools
