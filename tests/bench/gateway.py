"""CPU of one `tools/call` through the gateway, beside a bare proxy that only forwards.

`./dev bench gateway`: the gateway as it is deployed (token, tool and scope checks, arguments
validated, claims bound, the call signed for the API, one log line), in both protocol eras; and a
raw ASGI app that forwards the same request with aiohttp: the floor that nothing in Python goes
below. They get their calls in turns. What counts is the CPU time of the server's process.
"""

import argparse
import asyncio
import itertools
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import uvicorn

sys.path.insert(0, str(Path(__file__).parents[1]))

from support import tokens
from support.configuration import serving, write_config
from support.services import Service, free_port, running_service

API = Path(__file__).parents[1] / "mcp_gateway" / "api"
MODERN = "2026-07-28"
TASKS = orjson.dumps({"tasks": [{"id": n, "title": f"Task {n}"} for n in range(10)]})


class Api:
    """Answer as the upstream API does, and with the keys that tokens are verified with."""

    def __init__(self, jwks: bytes) -> None:
        """Take the key set; the keys are made by the process that signs."""
        self._jwks = jwks

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        body = self._jwks if scope["path"] == "/jwks.json" else TASKS
        # It is no authorization server: whoever follows revocations is told so.
        status = 404 if scope["path"].startswith("/internal/") else 200
        await answer(send, body, status)


async def answer(send: Any, body: bytes, status: int = 200) -> None:
    """Answer with JSON."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Floor:
    """Forward every request, and nothing else."""

    def __init__(self, target: str) -> None:
        """Take the URL to forward to; the session opens with the first request."""
        self._target = target
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(connector=connector)
        async with self._session.get(self._target) as response:
            body = await response.read()
        await answer(send, body)


@dataclass(frozen=True)
class Contender:
    """One server with the one request it is asked, over and over."""

    name: str
    service: Service
    url: str
    headers: dict[str, str]
    body: bytes

    def cpu(self) -> float:
        """Read the CPU seconds its process has used so far."""
        fields = Path(f"/proc/{self.service.process.pid}/stat").read_text().rsplit(")", 1)[1]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def contenders(stack: ExitStack, folder: Path) -> list[Contender]:
    """Start the API, the floor and the gateway."""
    # -P: a bench may be called as a module of the standard library is.
    python = (sys.executable, "-P", str(Path(__file__)))

    def start(name: str, argv: tuple[str, ...], port: int) -> Service:
        return stack.enter_context(
            running_service(
                argv,
                url=f"http://127.0.0.1:{port}",
                log=folder / f"{name}.log",
                ready_path="/livez",
            )
        )

    upstream, floor, gateway = free_port(), free_port(), free_port()
    jwks = folder / "jwks.json"
    jwks.write_bytes(tokens.jwks())
    start("api", (*python, "--serve-api", str(upstream), str(jwks)), upstream)
    target = f"http://127.0.0.1:{upstream}/v1/tasks?tenant_id=org_acme"
    bare = start("floor", (*python, "--serve-floor", str(floor), target), floor)
    resource = f"http://127.0.0.1:{gateway}/mcp"
    issuer = f"http://127.0.0.1:{upstream}"
    section = serving(issuer, resource, issuer, manifest=API / "tools.yaml")
    config = write_config(folder, mcp_gateway=section)
    serve = ("mcp-gateway", "serve", "--port", str(gateway), "--config", str(config))
    ours = start("gateway", (sys.executable, "-m", "gatepost_cli", *serve), gateway)
    now = datetime.now(UTC)
    token = tokens.sign(tokens.claims(now, iss=issuer, aud=resource, allowed_tools=["list_tasks"]))
    usual = {
        "authorization": f"Bearer {token}",
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
    }
    call = {"name": "list_tasks", "arguments": {}}
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    modern = {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": "list_tasks"}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    legacy_body = orjson.dumps({**message, "params": call})
    modern_body = orjson.dumps({**message, "params": {**call, "_meta": meta}})
    return [
        Contender("floor", bare, f"http://127.0.0.1:{floor}/", usual, legacy_body),
        Contender(
            "handshake era",
            ours,
            resource,
            {**usual, "mcp-protocol-version": "2025-11-25"},
            legacy_body,
        ),
        Contender("modern era", ours, resource, {**usual, **modern}, modern_body),
    ]


async def drive(contender: Contender, calls: int, connections: int) -> float:
    """Make the calls; answers the server's CPU microseconds for each."""
    numbers: Iterator[int] = iter(range(calls))
    async with aiohttp.ClientSession(headers=contender.headers) as session:

        async def work() -> None:
            for _ in numbers:
                async with session.post(contender.url, data=contender.body) as response:
                    text = await response.read()
                    if response.status != 200 or b"Task 9" not in text:
                        raise SystemExit(f"{contender.name}: {response.status} {text[:300]!r}")

        before = contender.cpu()
        await asyncio.gather(*(work() for _ in range(connections)))
        return (contender.cpu() - before) / calls * 1e6


async def compare(found: list[Contender], calls: int, runs: int) -> str:
    """Let them take turns, and write the table."""
    lines = [f"{'':<16}{'connections':>12}{'CPU µs a call':>24}{'of the floor':>22}"]
    for connections in (1, 16):
        figures: dict[str, list[float]] = {contender.name: [] for contender in found}
        for contender in found:
            await drive(contender, calls // 4, connections)  # warm
        for _, contender in itertools.product(range(runs), found):
            figures[contender.name].append(await drive(contender, calls, connections))
        floor = figures["floor"]
        for name, values in figures.items():
            ratios = [value / base for value, base in zip(values, floor, strict=True)]
            spread = f"{statistics.median(values):.0f} ({min(values):.0f}-{max(values):.0f})"
            ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
            lines.append(f"{name:<16}{connections:>12}{spread:>24}{ratio:>22}")
    return "\n".join(lines)


def main() -> None:
    """Run the comparison, or one of its servers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--serve-api", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--serve-floor", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    quiet: dict[str, Any] = {"log_level": "warning", "access_log": False, "lifespan": "off"}
    if options.serve_api:
        port, jwks = options.serve_api
        uvicorn.run(Api(Path(jwks).read_bytes()), port=int(port), **quiet)
    elif options.serve_floor:
        port, target = options.serve_floor
        uvicorn.run(Floor(target), port=int(port), **quiet)
    else:
        with tempfile.TemporaryDirectory() as made, ExitStack() as stack:
            found = contenders(stack, Path(made))
            table = asyncio.run(compare(found, options.calls, options.runs))
        sys.stdout.write(f"{table}\n")


if __name__ == "__main__":
    main()
