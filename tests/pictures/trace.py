"""`python -m pictures.trace`: the trace of one call, from the official client to the demo API's SQL.

It starts the product with Redis, makes one call as an MCP client does, and draws the spans that arrived at a
collector.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from support.in_process.auth_server import prepare_database
from support.processes.collector import Received, collecting
from support.processes.deployment import Deployment, a_person, connect, running_deployment
from support.processes.redis import running_redis
from support.processes.services import POLL_SECONDS

PICTURE = Path(__file__).parents[2] / "docs/pictures/trace.svg"
TOOL = "list_tasks"
_COLOURS = {"agent": "#6d4aff", "gatepost-mcp-gateway": "#0b6bcb", "orbit": "#1b7f4b"}
_WIDTH, _LEFT, _ROW, _TOP = 960, 330, 22, 58


@dataclass(frozen=True)
class Row:
    """One span in the picture, below the spans that it belongs to."""

    span: Received
    depth: int


def main() -> None:
    """Write the picture."""
    with (
        tempfile.TemporaryDirectory(prefix="gatepost-trace-") as name,
        collecting() as (url, spans),
    ):
        folder = Path(name)
        tracing = {"endpoint": url, "sample": 0, "asked_per_minute": 60}
        # The demo's API is configured as any FastAPI app.
        os.environ["FASTAPI_OTEL_AUTO_CONFIGURE"] = "true"
        os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = url
        os.environ["OTEL_SERVICE_NAME"] = "orbit"
        os.environ["OTEL_TRACES_SAMPLER"] = "parentbased_always_off"
        database = f"sqlite+aiosqlite:///{folder}/gatepost.db"
        prepare_database(database)
        with (
            running_redis(folder) as redis,
            running_deployment(
                folder, database, redis_url=redis.url, tracing=tracing
            ) as deployment,
        ):
            asyncio.run(_call(deployment, url))
        shown = list(_rows(_find_trace(spans)))
    PICTURE.write_text(draw(shown))
    print(f"{PICTURE}: {len(shown)} spans")  # noqa: T201


async def _call(deployment: Deployment, url: str) -> None:
    async with a_person("ada@acme.example") as person:
        connection = await connect(deployment, person)
    async with connection.client() as client:
        for _ in range(3):  # opens what later calls share
            await client.call_tool(TOOL, {"project_id": "prj_mobile"})
        resource = Resource.create({"service.name": "agent"})
        provider = TracerProvider(ALWAYS_ON, resource)
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(url)))
        trace.set_tracer_provider(provider)
        await client.call_tool(TOOL, {"project_id": "prj_mobile"})
    await asyncio.sleep(POLL_SECONDS)


def _find_trace(spans: Sequence[Received]) -> Sequence[Received]:
    """Return the spans of the call: of the trace in which every service took part."""
    traces: dict[bytes, list[Received]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    (found,) = [part for part in traces.values() if {one.service for one in part} == {*_COLOURS}]
    return found


def _rows(spans: Sequence[Received]) -> Iterator[Row]:
    known = {span.span_id for span in spans}
    below: Mapping[bytes, list[Received]] = {one: [] for one in (*known, b"")}
    for span in sorted(spans, key=lambda one: one.began):
        below[span.parent_id if span.parent_id in known else b""].append(span)

    def walk(parent: bytes, depth: int) -> Iterator[Row]:
        for span in below[parent]:
            yield Row(span, depth)
            yield from walk(span.span_id, depth + 1)

    return walk(b"", 0)


def draw(rows: Sequence[Row]) -> str:
    """Draw the spans as a waterfall."""
    began = min(row.span.began for row in rows)
    ended = max(row.span.ended for row in rows)
    scale = (_WIDTH - _LEFT - 90) / (ended - began)
    height = _TOP + len(rows) * _ROW + 12
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img"',
        ' font-family="system-ui, sans-serif" font-size="12">',
        f"<title>The trace of a call of {TOOL}, with the time of each part</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    at = 16
    for service, colour in _COLOURS.items():
        lines.append(f'<rect x="{at}" y="14" width="12" height="12" rx="2" fill="{colour}"/>')
        lines.append(f'<text x="{at + 18}" y="24" fill="#1f2328">{service}</text>')
        at += 40 + 7 * len(service)
    for number, row in enumerate(rows):
        span, top = row.span, _TOP + number * _ROW
        left = _LEFT + (span.began - began) * scale
        width = max((span.ended - span.began) * scale, 1.5)
        label = escape(span.name if len(span.name) < 44 else f"{span.name[:42]}…")
        if number % 2:
            lines.append(f'<rect y="{top - 4}" width="{_WIDTH}" height="{_ROW}" fill="#f6f8fa"/>')
        time = f"{(span.ended - span.began) / 1e6:.1f} ms"
        bar = f'x="{left:.1f}" y="{top}" width="{width:.1f}" height="14" rx="2"'
        beside = f'x="{left + width + 6:.1f}" y="{top + 11}"'
        lines += [
            f'<text x="{16 + row.depth * 12}" y="{top + 11}" fill="#1f2328">{label}</text>',
            f'<rect {bar} fill="{_COLOURS[span.service]}"/>',
            f'<text {beside} fill="#59636e" font-size="11">{time}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    main()
