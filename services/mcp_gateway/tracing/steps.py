"""Record the steps of a call that wait for others, refuse it or take long."""

from collections.abc import Awaitable, Sequence
from time import time_ns

from opentelemetry.context import attach, get_current
from opentelemetry.trace import get_current_span, set_span_in_context

from gatepost.tracing import names
from gatepost.tracing.current import CURRENT
from gatepost.tracing.tracing import fail
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult
from mcp_gateway.pipeline.conversation import CallRefused
from mcp_gateway.pipeline.trace import name_step

_LONG = 1_000_000
"""Nanoseconds after which a step has a span although it passes the call on without asking others."""
_ASKING = frozenset({"reserve_call", "call_upstream"})
"""The steps that ask Redis and the upstream, whose spans are below theirs."""


def span_steps(steps: Sequence[Step], catalogue: Catalogue) -> tuple[Step, ...]:
    """Return the steps of a call that is recorded.

    A step's span ends when it passes the call on, so that spans follow one another as steps do.
    """

    async def describe_call(call: ToolCall, go_on: Next) -> ToolResult:
        span = get_current_span()
        tracing = CURRENT.get()
        assert tracing is not None  # noqa: S101 - only recorded calls come here
        call.metrics.trace_id = tracing.trace_id
        span.set_attribute(names.OPERATION, names.EXECUTE_TOOL)
        if tool := catalogue.tools.get(call.name):  # other names are somebody's invention
            span.set_attribute(names.TOOL, call.name)
            if tool.api:
                span.set_attribute(names.API, tool.api)
            span.update_name(f"tools/call {call.name}")
        decision, reason, error = "failed", "cancelled", "cancelled"
        try:
            result = await go_on(call)
            decision, reason = result.decision, result.reason
            error = names.TOOL_ERROR if result.is_error else ""
            return result
        except CallRefused as refusal:
            decision, reason, error = "refused", refusal.reason, refusal.reason
            raise
        finally:
            span.set_attribute(names.DECISION, decision)
            if reason:
                span.set_attribute(names.REASON, reason)
            if call.metrics.retries:
                span.set_attribute(names.RETRIES, call.metrics.retries)
            if error:
                fail(span, error)

    first, *others = map(_recorded, steps)
    # The first step finds the tool that `execute_tool` names.
    return (first, describe_call, *others)


def _recorded(step: Step) -> Step:
    name = name_step(step)
    asking = name in _ASKING

    async def run(call: ToolCall, go_on: Next) -> ToolResult:
        tracing = CURRENT.get()
        assert tracing is not None  # noqa: S101 - only recorded calls come here
        began, outer, ended = time_ns(), get_current(), False
        span = tracing.start(name, {}) if asking else None
        if span is not None:
            if name == "call_upstream":
                template, _, _ = call.found.operation.path.partition("?")
                span.set_attribute(names.URL_TEMPLATE, template)
            attach(set_span_in_context(span, outer))

        def end(error: str = "") -> None:
            nonlocal ended
            if ended:
                return
            ended = True
            if span is not None:
                attach(outer)
                if error:
                    fail(span, error)
                span.end()
            elif error or time_ns() - began >= _LONG:
                tracing.note(name, {}, began=began, error=error)

        def pass_on(onward: ToolCall) -> Awaitable[ToolResult]:
            end()
            return go_on(onward)

        try:
            result = await step(call, pass_on)
        except CallRefused as refusal:
            end(refusal.reason)
            raise
        except BaseException as problem:
            end(type(problem).__name__)
            raise
        end(result.reason)
        return result

    return run
