"""The gateway as operators run it: a separate process, real sockets, a clean stop."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from support.in_process import tokens
from support.in_process.gateway import API
from support.processes.configuration import serving, write_config
from support.processes.services import Service, free_port, running_service

CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "create_task", "arguments": {"title": "confidential"}},
}


class Api:
    """The authorization server's keys and a slow API, on one port."""

    def __init__(self) -> None:
        """Hold every call until `proceed` is set."""
        self.asked = asyncio.Event()
        self.proceed = asyncio.Event()

    async def jwks(self, _: web.Request) -> web.Response:
        """Publish the keys."""
        return web.Response(body=tokens.jwks(), content_type="application/json")

    async def create(self, request: web.Request) -> web.Response:
        """Create a task for the tenant in the query."""
        self.asked.set()
        await self.proceed.wait()
        return web.json_response({"tenant": request.query["tenant_id"]}, status=201)


async def until_refused(url: str) -> None:
    """Connect until the port is closed."""
    host, _, port = url.removeprefix("http://").partition(":")
    while True:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            continue  # it was waiting for accept() when the socket closed
        writer.close()


@asynccontextmanager
async def running_beside(service: AbstractContextManager[Service]) -> AsyncIterator[Service]:
    """Run a service that needs this event loop before it is ready."""
    running = await asyncio.to_thread(service.__enter__)
    try:
        yield running
    finally:
        await asyncio.to_thread(service.__exit__, None, None, None)


async def test_a_call_under_way_is_finished_before_the_gateway_stops(tmp_path: Path) -> None:
    api = Api()
    app = web.Application()
    app.router.add_get("/jwks.json", api.jwks)
    app.router.add_post("/tasks", api.create)
    url = f"http://127.0.0.1:{free_port()}"
    config, log = tmp_path / "gatepost.yaml", tmp_path / "gateway.log"
    command = [sys.executable, "-m", "gatepost_cli", "mcp-gateway", "serve"]
    options = ["--config", str(config), "--port", url.rpartition(":")[2]]
    async with TestServer(app) as neighbours, httpx2.AsyncClient(trust_env=False) as client:
        issuer = f"http://127.0.0.1:{neighbours.port}"
        section = serving(issuer, f"{url}/mcp", issuer, manifest=API / "tools.yaml")
        write_config(tmp_path, mcp_gateway=section)
        token = tokens.sign(tokens.claims(datetime.now(UTC), iss=issuer, aud=f"{url}/mcp"))
        headers = {"authorization": f"Bearer {token}"}
        gateway = running_service([*command, *options], url=url, log=log, ready_path="/readyz")
        async with running_beside(gateway) as running:
            calling = asyncio.create_task(client.post(f"{url}/mcp", json=CALL, headers=headers))
            await api.asked.wait()
            running.process.terminate()
            await until_refused(url)
            api.proceed.set()
            answer = await calling
    assert answer.json()["result"]["structuredContent"] == {"tenant": "org_acme"}
    lines = [orjson.loads(line) for line in log.read_bytes().splitlines()]
    [record] = [line for line in lines if line["event"] == "tool_call"]
    assert (record["tool"], record["status"], record["decision"]) == ("create_task", 201, "allowed")
    assert token not in log.read_text()
    assert "confidential" not in log.read_text()
    assert (tmp_path / "gateway.pem").is_file()
