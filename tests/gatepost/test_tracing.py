"""Sampling, W3C trace contexts, and what a collector's absence costs."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.propagators.textmap import DefaultGetter
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from gatepost import logs
from gatepost.tracing import names
from gatepost.tracing.current import CURRENT, calling
from gatepost.tracing.open import opened_tracing, recording, telling
from gatepost.tracing.sampling import read_context
from gatepost.tracing.settings import TracingSettings
from support.in_process.clock import Clock
from support.in_process.spans import keeping_spans
from support.processes.collector import collecting

ENDPOINT = "http://127.0.0.1:9/v1/traces"
hexadecimal = st.text("0123456789abcdef", min_size=1, max_size=34)
contexts = st.one_of(
    st.text(max_size=60),
    st.tuples(
        st.sampled_from(["00", "01", "cc", "ff", "0"]),
        st.sampled_from(["0" * 32, "4bf92f3577b34da6a3ce929d0e0e4736"]) | hexadecimal,
        st.sampled_from(["0" * 16, "00f067aa0ba902b7"]) | hexadecimal,
        st.sampled_from(["00", "01", "03", "ff", "0g", ""]),
    ).map("-".join),
    st.sampled_from(["", "-", "-more"]).map(
        lambda more: f"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01{more}"
    ),
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@given(contexts)
def test_a_context_is_read_as_the_library_reads_it(sent: str) -> None:
    library: Any = TraceContextTextMapPropagator()
    theirs = get_current_span(
        library.extract({"traceparent": sent.strip(" \t")}, getter=DefaultGetter())
    ).get_span_context()
    ours = read_context(sent.strip(" \t"))

    # A line break at the end is part of the value for us.
    if sent != sent.strip():
        return
    assert (ours is not None) == theirs.is_valid
    if ours is not None:
        assert (ours.trace_id, ours.span_id) == (theirs.trace_id, theirs.span_id)
        assert ours.asks == bool(theirs.trace_flags & 1)


async def test_without_settings_there_are_no_traces_and_no_calls_are_recorded() -> None:
    async with opened_tracing(None, "test", Clock()) as tracing:
        assert tracing is None
        assert CURRENT.get() is None
        with calling("GET", {}) as span:
            assert span is None


async def test_work_that_outlives_its_request_is_not_part_of_the_trace() -> None:
    async with keeping_spans(Clock()) as recorded:
        ended = asyncio.Event()

        async def deliver_events() -> None:
            await ended.wait()
            with calling("POST", {}) as span:
                assert span is None

        with recorded.tracing.serving("request", {}):
            work = asyncio.create_task(deliver_events())
        ended.set()
        await work
        assert recorded.names == ["request"]


async def test_a_dead_collector_delays_nothing() -> None:
    """Its exporter never comes back, and the queue is full."""
    stuck = threading.Event()

    class Exporter:
        def export(self, _: Any) -> SpanExportResult:
            stuck.wait()
            return SpanExportResult.FAILURE

        def shutdown(self) -> None:
            stuck.set()

    exporter: Any = Exporter()
    processor = BatchSpanProcessor(exporter, max_queue_size=4, max_export_batch_size=2)
    settings = TracingSettings(endpoint=ENDPOINT, sample=1)
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    try:
        with capture_logs() as lines:
            async with recording(
                settings, "test", processor, Clock(), flush_seconds=0.05
            ) as tracing:
                for _ in range(50):
                    with tracing.serving("request", {}):
                        await asyncio.sleep(0)
        assert [line["event"] for line in lines] == ["spans_not_sent_at_the_end"]
    finally:
        stuck.set()


def test_lost_spans_are_told_once_and_so_is_their_end() -> None:
    results = iter([*[SpanExportResult.FAILURE] * 3, *[SpanExportResult.SUCCESS] * 2])

    class Exporter:
        def export(self, _: Any) -> SpanExportResult:
            return next(results)

    exporter = telling(Exporter())
    with capture_logs() as lines:
        for _ in range(5):
            exporter.export(["span", "span"])

    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("spans_not_sent", "warning"),
        ("spans_sent_again", "info"),
    ]
    assert lines[1]["lost"] == 6


async def test_spans_that_wait_are_sent_before_the_process_ends() -> None:
    with collecting() as (url, received):
        headers = {"api-key": SecretStr("collector-secret")}
        settings = TracingSettings(endpoint=url, sample=1, headers=headers)
        async with opened_tracing(settings, "gatepost-test", Clock()) as tracing:
            assert tracing is not None
            with tracing.serving("request", {names.TENANT: "org_acme"}), calling("GET", {}):
                pass

    inner, outer = received
    assert (inner.name, outer.name) == ("GET", "request")
    assert inner.parent_id == outer.span_id
    assert outer.service == "gatepost-test"
    assert outer.attributes == {names.TENANT: "org_acme"}
    assert outer.headers["api-key"] == "collector-secret"


@contextmanager
def configured_logs() -> Iterator[None]:
    """Write logs as the services do."""
    usual = structlog.get_config()
    logs.configure_logs()
    try:
        yield
    finally:
        structlog.configure(**usual)


async def test_a_fault_of_a_request_that_is_not_recorded_is_still_reported_within_bounds() -> None:
    async with keeping_spans(Clock(), sample=0, asked_per_minute=0) as recorded:
        with configured_logs():
            for _ in range(70):
                try:
                    raise ValueError("value-secret")
                except ValueError as problem:
                    structlog.get_logger().exception("request_fault")
                    structlog.get_logger().error("request_fault", exc_info=problem)
        assert recorded.names == ["request_fault"] * 60
        (event,) = recorded.spans[0].events
        assert (event.attributes or {})[names.EXCEPTION_TYPE] == "ValueError"
        assert "test_tracing.py" in str((event.attributes or {})[names.EXCEPTION_STACK])
        assert "value-secret" not in recorded.text()
    assert logs.fault_listeners == []


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "collector:4318",
        "ftp://host/v1/traces",
        "http://user:secret@host/",
        "http://host/?key=1",
    ],
)
def test_an_endpoint_that_cannot_take_spans_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="URL of a collector"):
        TracingSettings(endpoint=wrong)
