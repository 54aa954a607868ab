"""Describe a call as its event, when it is reserved and when it has ended."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from gatepost.metering.call_event import LONGEST_ERROR, CallEvent, Decision, Outcome, write_event
from gatepost.text.hidden import escape_text
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.http_client.port import UNANSWERED
from mcp_gateway.pipeline.call import ToolCall, ToolResult

WriteIntent = Callable[[ToolCall], bytes]
"""Writes the event of a call as it is recorded if nobody learns the outcome."""


def intent_writer(resource: str) -> WriteIntent:
    """Make the function that writes the event of a call whose outcome nobody will know."""
    described: tuple[Decision, str, str] = ("failed", "unknown_outcome", "")

    def write_intent(call: ToolCall) -> bytes:
        # Nothing is reserved yet, so this event costs nothing.
        return write_event(
            describe_call(call, resource, call.tool, 0.0, described, None, "unknown")
        )

    return write_intent


def describe_call(
    call: ToolCall,
    resource: str,
    tool: Tool | None,
    seconds: float,
    described: tuple[Decision, str, str],
    result: ToolResult | None,
    outcome: Outcome | None = None,
) -> CallEvent:
    """Describe a call.

    Args:
        call: the call, as far as it came.
        resource: the gateway's own, although the call may have come at an organisation's address.
        tool: the tool, if it exists.
        seconds: how long the call took.
        described: the decision, its reason and the error.
        result: the result, if there is one.
        outcome: what the call did, if the result does not tell it.
    """
    caller, metrics = call.caller, call.metrics
    decision, reason, error = described
    outcome = outcome or outcome_of(call, result)
    cost = 0 if tool is None or metrics.reserved is None else _cost(call, tool, outcome)
    return CallEvent(
        at=metrics.started,
        call_id=call.id,
        # The calls of a batch (2025-03-26) have numbered ids.
        request_id=call.id.partition("-")[0],
        resource=resource,
        tenant_id=caller.tenant_id,
        sub=caller.sub,
        client_id=caller.client_id,
        grant_id=caller.grant_id,
        env=caller.env,
        tier=caller.rate_limit_tier,
        tool=escape_text(call.name[:128])[:128],
        tool_version="" if tool is None else tool.lifecycle.version or "",
        era=call.conversation.era,
        decision=decision,
        reason=reason,
        error=error[:LONGEST_ERROR].replace("\0", ""),
        status=metrics.status,
        duration_ms=_milliseconds(seconds),
        upstream_ms=_milliseconds(metrics.seconds),
        retries=metrics.retries,
        bytes_in=_size_of_arguments(call.arguments),
        bytes_out=0 if result is None else sum(map(_size, result.content)),
        cost=cost,
        outcome=outcome,
        meter=tool.billing.meter if cost and tool is not None else "",
        trace_id=metrics.trace_id,
        actor=caller.actors[0] if caller.actors else "",
        calls_made=metrics.calls_made,
        api="" if tool is None else tool.api,
        searched=metrics.searched,
        purpose=metrics.purpose,
        called_as=_outdated_name(call, tool),
        repaired=metrics.repaired,
    )


def _cost(call: ToolCall, tool: Tool, outcome: Outcome) -> int:
    units = call.metrics.units
    if units is None:
        return tool.billing.due(outcome)
    return 0 if outcome == "unknown" else units


def _outdated_name(call: ToolCall, tool: Tool | None) -> str:
    """Return the name of the call if clients should no longer use it."""
    if call.former is not None:
        return call.former.name
    return tool.name if tool is not None and tool.lifecycle.deprecated else ""


def outcome_of(call: ToolCall, result: ToolResult | None) -> Outcome:
    """Tell what a call did."""
    if result is not None and not result.is_error:
        return "success"
    if not call.metrics.sent:
        return "refused"
    return "unknown" if result is None or result.reason in UNANSWERED else "error"


def _milliseconds(seconds: float) -> float:
    # Not negative, even if the clock was set back.
    return round(max(seconds, 0.0) * 1000, 3)


def _size_of_arguments(arguments: Mapping[str, Any]) -> int:
    return len(orjson.dumps(arguments)) if arguments else 2


def _size(block: Mapping[str, Any]) -> int:
    held = block.get("resource", block)
    text = held.get("text") or held.get("data") or held.get("blob") or ""
    # Most text is ASCII, whose size needs no encoding.
    return len(text) if text.isascii() else len(text.encode())
