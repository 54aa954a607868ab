"""Record one event for every call, however it ends, without its arguments."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, Protocol

import structlog

from gatepost.clock import Now
from gatepost.metering.call_event import CallEvent, Decision
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.limits.port import Limits, Reservation
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, tool_error
from mcp_gateway.pipeline.conversation import CallRefused
from mcp_gateway.pipeline.describe_call import describe_call

Record = Callable[[CallEvent], None]
CountDeviation = Callable[[str], None]
"""Counts, for the metrics, an answer that does not match the output schema of the named tool."""


class CountCall(Protocol):
    """Counts a call for the metrics."""

    def __call__(self, event: CallEvent, *, known: bool) -> None:
        """Count it; the name of a tool that is not `known` is somebody's invention."""
        ...


def ignore_call(event: CallEvent, *, known: bool) -> None:
    """Count nothing."""


def ignore_deviation(tool: str) -> None:
    """Count nothing."""


class Recording(NamedTuple):
    """Who takes the events of calls, and which gateway they name."""

    resource: str
    record: Record
    """Stores the event of a call that was not reserved."""
    count_call: CountCall
    count_deviation: CountDeviation = ignore_deviation


log = structlog.get_logger()


def record_call(recording: Recording, counts: Limits, catalogue: Catalogue, now: Now) -> Step:
    """Record the caller, the tool, the decision and the duration of each call.

    The event of a call that was reserved settles the reservation and is stored durably before the
    answer leaves. An unexpected error becomes a tool error with the call's id, which a person can
    quote to the operator; the model sees nothing of the exception.
    """
    resource, record, count_call, _ = recording
    settling: set[asyncio.Task[None]] = set()

    async def step(call: ToolCall, go_on: Next) -> ToolResult:
        call.metrics.started = now()
        decision: Decision = "failed"
        reason, error, result = "cancelled", "", None
        answer: ToolResult | CallRefused
        try:
            answer = result = await go_on(call)
            decision, reason, error = result.decision, result.reason, result.error
        except CallRefused as refusal:
            decision, reason, error = "refused", refusal.reason, str(refusal)
            answer = refusal
        except asyncio.CancelledError:
            # The client has gone, and nobody waits for the settlement.
            event = describe(call, (decision, reason, error), None)
            if call.metrics.reserved is None:
                record(event)
            else:
                settle_later(call.metrics.reserved, event)
            raise
        except Exception as fault:  # a fault of the gateway ends the call only here
            reason, error = "gateway_error", type(fault).__name__
            log.exception("tool_call_fault", call_id=call.id, tool=call.name[:128])
            said = f"The gateway could not complete this call. Call id: {call.id}"
            answer = tool_error(said, reason=reason, decision=decision)
        event = describe(call, (decision, reason, error), result)
        held = call.metrics.reserved
        if held is None:
            record(event)
        else:
            try:
                await counts.settle(held, event)
            except asyncio.CancelledError:
                # A client that goes now does not undo the settlement, which takes effect only once.
                settle_later(held, event)
                raise
        if isinstance(answer, CallRefused):
            raise answer
        return answer

    def describe(
        call: ToolCall, described: tuple[Decision, str, str], result: ToolResult | None
    ) -> CallEvent:
        tool = catalogue.tools.get(call.name)
        seconds = (now() - call.metrics.started).total_seconds()
        event = describe_call(call, resource, tool, seconds, described, result)
        count_call(event, known=tool is not None)
        return event

    def settle_later(held: Reservation, event: CallEvent) -> None:
        task = asyncio.ensure_future(counts.settle(held, event))
        settling.add(task)
        task.add_done_callback(settling.discard)

    return step
