"""Spans that stay in the test instead of going to a collector."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gatepost.clock import Now
from gatepost.tracing.open import recording
from gatepost.tracing.settings import TracingSettings
from gatepost.tracing.tracing import Tracing
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@dataclass(frozen=True)
class Recorded:
    """What was recorded so far."""

    tracing: Tracing
    _kept: InMemorySpanExporter

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """The spans in the order of their ends."""
        return self._kept.get_finished_spans()

    @property
    def names(self) -> list[str]:
        """Their names."""
        return [span.name for span in self.spans]

    def one(self, name: str) -> ReadableSpan:
        """The only span of that name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def path(self, span: ReadableSpan) -> list[str]:
        """The names of a span and the spans above it."""
        known = {other.context.span_id: other for other in self.spans}
        names = [span.name]
        while span.parent is not None and span.parent.span_id in known:
            span = known[span.parent.span_id]
            names.append(span.name)
        return names

    def text(self) -> str:
        """Everything that the spans hold, to look for what they must not hold."""
        return "\n".join(span.to_json() for span in self.spans)

    def forget(self) -> None:
        """Begin again without spans."""
        self._kept.clear()


def trace_of(span: ReadableSpan) -> str:
    """The id of a span's trace in hexadecimal."""
    return f"{span.context.trace_id:032x}"


@asynccontextmanager
async def keeping_spans(
    now: Now, *, chance: Callable[[], float] = lambda: 0.5, **settings: Any
) -> AsyncIterator[Recorded]:
    """Record every request, or as the settings say."""
    values = {"endpoint": "http://127.0.0.1:9/v1/traces", "sample": 1, **settings}
    kept = InMemorySpanExporter()
    processor = SimpleSpanProcessor(kept)
    made = TracingSettings(**values)
    async with recording(made, "gatepost-test", processor, now, chance=chance) as tracing:
        yield Recorded(tracing, kept)


@asynccontextmanager
async def traced_auth_server(
    database_url: str,
    clock: Clock,
    *,
    sample: float = 1,
    asked_per_minute: int = 60,
    **changes: Any,
) -> AsyncIterator[tuple[AuthServer, Recorded]]:
    """Start an authorization server that records every request, or as the settings say."""
    values: dict[str, Any] = {"sample": sample, "asked_per_minute": asked_per_minute}
    settings = TracingSettings(endpoint="http://127.0.0.1:9/v1/traces", **values)
    async with keeping_spans(clock, **values) as recorded:

        @asynccontextmanager
        async def open_tracing(*_: object) -> AsyncIterator[Tracing]:
            yield recorded.tracing

        async with running_auth_server(
            database_url, clock, open_tracing=open_tracing, tracing=settings, **changes
        ) as server:
            recorded.forget()
            yield server, recorded
