"""Send spans to a collector in the background, for as long as a process serves."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from importlib import import_module
from importlib.metadata import version
from threading import Thread
from typing import TYPE_CHECKING, Any

import structlog

from gatepost.clock import Now
from gatepost.logs import fault_listeners
from gatepost.tracing.sampling import Sampling
from gatepost.tracing.settings import TracingSettings

if TYPE_CHECKING:
    from gatepost.tracing.tracing import Tracing

_EXPORT_SECONDS = 5.0
"""Seconds that one batch may take, with repetitions."""
_FLUSH_SECONDS = 2.0
"""Seconds that a stopping process waits for its last spans."""

OpenTracing = Callable[
    [TracingSettings | None, str, Now], AbstractAsyncContextManager["Tracing | None"]
]

_PACKAGES = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk.trace.export",
    "gatepost.tracing.tracing",
)

log = structlog.get_logger()


def load_tracing(settings: TracingSettings | None) -> None:
    """Import what traces need, if they are on, together with the rest of the program.

    That takes a quarter of a second and 15 MB. What is imported later, the garbage collector scans.
    """
    if settings is not None:
        for name in _PACKAGES:
            import_module(name)


@asynccontextmanager
async def opened_tracing(
    settings: TracingSettings | None, service: str, now: Now
) -> "AsyncIterator[Tracing | None]":
    """Open what makes spans, if it is configured; its end sends what is left.

    The queue is bounded and a thread sends it, so a collector that is slow or down delays nothing.

    Args:
        settings: None without traces.
        service: the name of the service, unless the settings have one.
        now: the clock.
    """
    if settings is None:
        yield None
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    # Its own messages are not structured; `_Telling` says the same.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
    exporter = OTLPSpanExporter(settings.endpoint, headers=headers, timeout=_EXPORT_SECONDS)
    processor = BatchSpanProcessor(telling(exporter))
    async with recording(settings, service, processor, now) as tracing:
        yield tracing


@asynccontextmanager
async def recording(
    settings: TracingSettings,
    service: str,
    processor: Any,
    now: Now,
    *,
    chance: Callable[[], float] = random.random,
    flush_seconds: float = _FLUSH_SECONDS,
) -> "AsyncIterator[Tracing]":
    """Make spans for a processor; tests pass one that keeps them."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    from gatepost.tracing.tracing import Tracing

    resource = Resource.create(
        {
            "service.name": settings.service_name or service,
            "service.namespace": "gatepost",
            "service.version": version("gatepost"),
        }
    )
    # Requests are chosen before a span is made.
    provider = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False)
    provider.add_span_processor(processor)
    sampling = Sampling(settings.sample, settings.asked_per_minute, random=chance, now=now)
    tracing = Tracing(provider, sampling)
    fault_listeners.append(tracing.note_fault)
    try:
        yield tracing
    finally:
        fault_listeners.remove(tracing.note_fault)
        await _close(provider.shutdown, flush_seconds)


def telling(exporter: Any) -> Any:
    """Return an exporter that logs when spans are lost, and when they arrive again."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Telling(SpanExporter):  # type: ignore[misc, unused-ignore] # its package is optional
        """Sends through another exporter."""

        lost = 0

        def export(self, spans: Sequence[Any]) -> Any:
            """Send a batch."""
            result = exporter.export(spans)
            if result is SpanExportResult.SUCCESS:
                if self.lost:
                    log.info("spans_sent_again", lost=self.lost)
                self.lost = 0
            else:
                if not self.lost:
                    log.warning("spans_not_sent", spans=len(spans))
                self.lost += len(spans)
            return result

        def shutdown(self) -> None:
            """Give up what is being sent."""
            exporter.shutdown()

    return Telling()


async def _close(shut_down: Callable[[], None], seconds: float) -> None:
    """Send the rest, and go on without it if that takes too long."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def run() -> None:
        shut_down()
        with suppress(RuntimeError):  # the loop may be closed by then
            loop.call_soon_threadsafe(done.set)

    # Of its own and a daemon, because the end of the process waits for the threads of a pool.
    Thread(target=run, daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            await done.wait()
    except TimeoutError:
        log.warning("spans_not_sent_at_the_end")
