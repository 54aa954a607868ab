"""CPU that traces add to a tool call of the gateway.

`./dev bench traces`: four gateways in one process, without traces and with 0, 1 and 100 % of the calls recorded,
each with an upstream that answers at once. They take short turns in a random order, because two processes of
the same gateway differ by more than traces cost. Spans are encoded in their thread, as for a collector. Fails if
traces of 1 % cost more than 15 µs a call.
"""

import asyncio
import logging
import random
import statistics
import sys
import tempfile
import time
from collections.abc import MutableMapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import orjson
import structlog
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

sys.path.insert(0, str(Path(__file__).parents[1]))

from gatepost.clock import utc_now
from gatepost.tracing.open import recording
from gatepost.tracing.settings import TracingSettings
from support.in_process.gateway import META, MODERN, USUAL, World, a_world

SHARES = {"off": None, "0 %": 0.0, "1 %": 0.01, "100 %": 1.0}
TURNS = 1_000
CALLS = 10
"""Calls of one turn."""
ALLOWED = 15.0
TOOL = "list_tasks"


class Encoding:
    """An exporter that does everything but send."""

    def export(self, spans: Any) -> SpanExportResult:
        """Encode a batch."""
        encode_spans(spans).SerializePartialToString()
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Do nothing."""


async def turn(world: World) -> float:
    """Make some calls at the ASGI app; return the microseconds of one."""
    app: Any = world.http._transport
    params = {"name": TOOL, "arguments": {}, "_meta": META}
    body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    headers = {
        **USUAL,
        "host": "127.0.0.1:8401",
        "authorization": f"Bearer {world.token()}",
        "mcp-protocol-version": MODERN,
        "mcp-method": "tools/call",
        "mcp-name": TOOL,
    }
    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/mcp",
        "query_string": b"",
        "headers": lines,
    }
    statuses: list[int] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    world.clock.advance(seconds=30)  # the tenant's rate
    world.api.requests.clear()
    before = time.process_time_ns()
    for _ in range(CALLS):
        await app.app(scope, receive, send)
    taken = (time.process_time_ns() - before) / 1_000 / CALLS
    assert statuses == [200] * CALLS
    return taken


async def main() -> int:
    """Run the comparison."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    taken: dict[str, list[float]] = {name: [] for name in SHARES}
    async with AsyncExitStack() as opened:
        worlds = {}
        for name, share in SHARES.items():
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
            tracing = None
            if share is not None:
                settings = TracingSettings(endpoint="http://127.0.0.1:9/v1/traces", sample=share)
                exporter: Any = Encoding()
                processor = BatchSpanProcessor(exporter)
                tracing = await opened.enter_async_context(
                    recording(settings, "bench", processor, utc_now)
                )
            worlds[name] = await opened.enter_async_context(a_world(folder, tracing=tracing))
        for number in range(-5, TURNS):
            for name in random.sample(tuple(SHARES), len(SHARES)):
                cpu = await turn(worlds[name])
                if number >= 0:
                    taken[name].append(cpu)
    sys.stdout.write("\n| traces | CPU µs a call, median | best tenth | more than off |\n")
    sys.stdout.write("|---|---|---|---|\n")
    more = {}
    for name, found in taken.items():
        more[name] = statistics.median(a - b for a, b in zip(found, taken["off"], strict=True))
        best = statistics.quantiles(found, n=10)[0]
        sys.stdout.write(
            f"| {name} | {statistics.median(found):.0f} | {best:.0f} | {more[name]:+.1f} |\n"
        )
    return int(more["1 %"] > ALLOWED)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
