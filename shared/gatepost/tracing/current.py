"""The trace that the running code belongs to, if it is recorded."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeAlias

# Without traces, nothing imports OpenTelemetry.
if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from gatepost.tracing.tracing import Tracing

Attributes: TypeAlias = Mapping[str, str | int | float | bool]

CURRENT: ContextVar["Tracing | None"] = ContextVar("gatepost_tracing", default=None)
"""Makes spans while a recorded request is served, and is None otherwise."""


def current() -> "Tracing | None":
    """Return what makes spans, if the running code belongs to a recorded request that has not ended.

    Work that a request began may outlive it, such as a timer that delivers the events of many calls.
    """
    tracing = CURRENT.get()
    return tracing if tracing is not None and tracing.goes_on else None


def calling(name: str, attributes: Attributes) -> "AbstractContextManager[Span | None]":
    """Record a call of another service as part of the current trace, if there is one."""
    tracing = current()
    return nullcontext() if tracing is None else tracing.child(name, attributes, calls=True)
