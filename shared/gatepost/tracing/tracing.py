"""Spans of the requests that are recorded."""

import asyncio
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TraceState,
    format_span_id,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)
from structlog.contextvars import bound_contextvars

from gatepost.tracing import names
from gatepost.tracing.current import CURRENT, Attributes
from gatepost.tracing.sampling import Sampling, SentContext

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_LONGEST_STACK = 8_000


class Tracing:
    """Makes spans."""

    def __init__(self, provider: "TracerProvider", sampling: Sampling) -> None:
        """Take the provider, which records everything, and what chooses the requests."""
        self.sampling = sampling
        self._tracer = provider.get_tracer("gatepost", version("gatepost"))

    @property
    def goes_on(self) -> bool:
        """Whether the part of a request to which the running code belongs has not ended."""
        return get_current_span().is_recording()

    @contextmanager
    def serving(
        self,
        name: str,
        attributes: Attributes,
        *,
        parent: SentContext | None = None,
        around: SentContext | None = None,
        began: int | None = None,
        inside: bool = False,
    ) -> Iterator[Span]:
        """Record a request while the block runs, and name the trace in its log lines.

        Args:
            name: the span's name.
            attributes: what is known of the request.
            parent: the context of the request; a new trace begins without one.
            around: another context that the request came in, to which the span only links.
            began: when the request began, in nanoseconds since 1970; now by default.
            inside: whether nobody outside of the process asked for it.
        """
        context = Context()
        if parent is not None:
            context = set_span_in_context(NonRecordingSpan(_remote(parent)), context)
        links = () if around is None else (Link(_remote(around)),)
        kind = SpanKind.INTERNAL if inside else SpanKind.SERVER
        span = self._tracer.start_span(name, context, kind, attributes, links, start_time=began)
        ids = span.get_span_context()
        with (
            self._within(span, set_span_in_context(span, context)),
            bound_contextvars(
                trace_id=format_trace_id(ids.trace_id), span_id=format_span_id(ids.span_id)
            ),
        ):
            current = CURRENT.set(self)
            try:
                yield span
            finally:
                CURRENT.reset(current)

    @contextmanager
    def child(self, name: str, attributes: Attributes, *, calls: bool = False) -> Iterator[Span]:
        """Record a part of the current request; `calls` says that another service does the work."""
        kind = SpanKind.CLIENT if calls else SpanKind.INTERNAL
        span = self._tracer.start_span(name, None, kind, attributes)
        with self._within(span, set_span_in_context(span)):
            yield span

    @property
    def trace_id(self) -> str:
        """The id of the current request's trace, in hex."""
        return format_trace_id(get_current_span().get_span_context().trace_id)

    def start(self, name: str, attributes: Attributes, *, calls: bool = False) -> Span:
        """Start a part of the current request, which the caller ends."""
        kind = SpanKind.CLIENT if calls else SpanKind.INTERNAL
        return self._tracer.start_span(name, None, kind, attributes)

    def follow(
        self, answer: asyncio.Future[Any], name: str, attributes: Attributes
    ) -> asyncio.Future[Any]:
        """Record a call of another service until its answer is there."""
        span = self.start(name, attributes, calls=True)

        def end(answered: asyncio.Future[Any]) -> None:
            if answered.cancelled():
                fail(span, "cancelled")
            elif (problem := answered.exception()) is not None:
                fail(span, type(problem).__name__)
            span.end()

        answer.add_done_callback(end)
        return answer

    def note(self, name: str, attributes: Attributes, *, began: int, error: str = "") -> None:
        """Record a part of the current request that has ended just now."""
        span = self._tracer.start_span(name, attributes=attributes, start_time=began)
        if error:
            fail(span, error)
        span.end()

    def note_fault(self, event: str, problem: BaseException) -> None:
        """Record an unexpected exception, even of a request that is not recorded.

        Its message is left out, since it may hold a value of the request, and so are lines of source.
        """
        span = get_current_span()
        alone = not span.is_recording()
        if alone:
            if not self.sampling.take_fault():
                return
            span = self._tracer.start_span(event, Context())
        frames = "".join(
            f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}\n'
            for frame in traceback.extract_tb(problem.__traceback__)
        )
        kind = type(problem).__qualname__
        attributes = {
            names.EXCEPTION_TYPE: kind,
            names.EXCEPTION_STACK: frames[-_LONGEST_STACK:],
            names.LOG_EVENT: event,
        }
        span.add_event(names.EXCEPTION, attributes)
        fail(span, kind)
        if alone:
            span.end()

    @contextmanager
    def _within(self, span: Span, context: Context) -> Iterator[None]:
        token = attach(context)
        try:
            yield
        except BaseException as problem:
            fail(span, type(problem).__name__)
            raise
        finally:
            span.end()
            detach(token)


def fail(span: Span, error: str) -> None:
    """Mark a span as failed, with one word for the error; the first word stays."""
    known = getattr(span, "attributes", None)  # only the SDK's spans have it
    if not known or names.ERROR not in known:
        span.set_attribute(names.ERROR, error)
        span.set_status(StatusCode.ERROR)


def propagation_headers(span: Span) -> tuple[tuple[str, str], ...]:
    """Write the headers that make another service's spans children of this one (W3C)."""
    ids = span.get_span_context()
    parent = f"00-{format_trace_id(ids.trace_id)}-{format_span_id(ids.span_id)}-01"
    state = ids.trace_state.to_header()
    return (("traceparent", parent), *([("tracestate", state)] if state else []))


def _remote(sent: SentContext) -> SpanContext:
    flags, state = TraceFlags(sent.asks), TraceState.from_header([sent.state])
    return SpanContext(sent.trace_id, sent.span_id, True, flags, state)
