"""Record one event for every call, however it ends, without its arguments."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson
import structlog

from gatepost.call_event import LONGEST_ERROR, CallEvent, Decision, Outcome
from gatepost.clock import Now
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.http_client.port import UNANSWERED
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, tool_error
from mcp_gateway.pipeline.conversation import CallRefused

Record = Callable[[CallEvent], None]

log = structlog.get_logger()


def record_call(record: Record, catalogue: Catalogue, now: Now) -> Step:
    """Record the caller, the tool, the decision and the duration of each call.

    An unexpected error becomes a tool error with the call's id, which a person can quote to the
    operator; the model sees nothing of the exception.
    """

    async def step(call: ToolCall, go_on: Next) -> ToolResult:
        started = now()
        decision: Decision = "failed"
        reason, error, result = "cancelled", "", None
        try:
            result = await go_on(call)
            decision, reason, error = result.decision, result.reason, result.error
            return result
        except CallRefused as refusal:
            decision, reason, error = "refused", refusal.reason, str(refusal)
            raise
        except asyncio.CancelledError:
            raise
        except Exception as fault:  # a fault of the gateway ends the call only here
            reason, error = "gateway_error", type(fault).__name__
            log.exception("tool_call_fault", call_id=call.id, tool=call.name[:128])
            return tool_error(
                f"The gateway could not complete this call. Call id: {call.id}",
                reason=reason,
                decision=decision,
            )
        finally:
            tool = catalogue.tools.get(call.name)
            timing = started, (now() - started).total_seconds()
            record(_describe(call, tool, timing, (decision, reason, error), result))

    return step


def _describe(
    call: ToolCall,
    tool: Tool | None,
    timing: tuple[datetime, float],
    described: tuple[Decision, str, str],
    result: ToolResult | None,
) -> CallEvent:
    caller, metrics = call.caller, call.metrics
    started, seconds = timing
    decision, reason, error = described
    outcome = _outcome(call, result)
    cost = 0 if tool is None else tool.billing.due(outcome)
    return CallEvent(
        at=started,
        call_id=call.id,
        # The calls of a batch (2025-03-26) have numbered ids.
        request_id=call.id.partition("-")[0],
        resource=caller.aud,
        tenant_id=caller.tenant_id,
        sub=caller.sub,
        client_id=caller.client_id,
        grant_id=caller.grant_id,
        env=caller.env,
        tier=caller.rate_limit_tier,
        tool=call.name[:128].replace("\0", ""),
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
    )


def _outcome(call: ToolCall, result: ToolResult | None) -> Outcome:
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
