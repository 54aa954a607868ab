"""One event for every call, however it ends; never its arguments."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson
import structlog

from gatepost.call_event import LONGEST_ERROR, CallEvent, Decision
from gatepost.clock import Now
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, tool_error
from mcp_gateway.pipeline.conversation import CallRefused

Record = Callable[[CallEvent], None]

log = structlog.get_logger()


def record_call(record: Record, catalogue: Catalogue, now: Now) -> Step:
    """Write down who called what, what was decided, and what it took.

    An error nobody foresaw becomes a tool error that names the call, so that a person can quote it
    to the operator; nothing of the exception reaches the model.
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
        except Exception as fault:  # the one place where a fault of ours ends a call
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
    outcome: tuple[Decision, str, str],
    result: ToolResult | None,
) -> CallEvent:
    caller, metrics = call.caller, call.metrics
    started, seconds = timing
    decision, reason, error = outcome
    return CallEvent(
        at=started,
        call_id=call.id,
        # A batch of 2025-03-26 numbers its calls.
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
        cost=0 if tool is None else tool.cost,
    )


def _milliseconds(seconds: float) -> float:
    # A clock that was set back in between must not make it negative.
    return round(max(seconds, 0.0) * 1000, 3)


def _size_of_arguments(arguments: Mapping[str, Any]) -> int:
    return len(orjson.dumps(arguments)) if arguments else 2


def _size(block: Mapping[str, Any]) -> int:
    held = block.get("resource", block)
    text = held.get("text") or held.get("data") or held.get("blob") or ""
    # Most text is ASCII, which a string knows of itself.
    return len(text) if text.isascii() else len(text.encode())
