"""One line for every call, however it ends; never its arguments."""

import asyncio

import structlog

from mcp_gateway.pipeline.call import Decision, Next, ToolCall, ToolResult, tool_error
from mcp_gateway.pipeline.conversation import CallRefused

_log = structlog.get_logger()


async def record_call(call: ToolCall, go_on: Next) -> ToolResult:
    """Write down who called what, what was decided and how long it took.

    An error nobody foresaw becomes a tool error that names the call, so that a person can quote it
    to the operator; nothing of the exception reaches the model.
    """
    started = call.parts.now()
    decision: Decision = "failed"
    reason = "cancelled"
    status = None
    try:
        result = await go_on(call)
        decision, reason, status = result.decision, result.reason, result.status
        return result
    except CallRefused as refusal:
        decision, reason = "refused", refusal.reason
        raise
    except asyncio.CancelledError:
        raise
    except Exception:  # noqa: BLE001 - the one place where a fault of ours ends a call
        reason = "gateway_error"
        _log.exception("tool call failed in the gateway", call_id=call.id, tool=call.name[:128])
        return tool_error(
            f"The gateway could not complete this call. Call id: {call.id}",
            reason=reason,
            decision=decision,
        )
    finally:
        caller = call.caller
        ended = call.parts.now()
        call.parts.record(
            {
                "timestamp": ended,
                "level": "info",
                "event": "tool call",
                "call_id": call.id,
                "tenant_id": caller.tenant_id,
                "sub": caller.sub,
                "client_id": caller.client_id,
                "grant_id": caller.grant_id,
                "tool": call.name[:128],
                "decision": decision,
                "reason": reason,
                "status": status,
                "duration_ms": round((ended - started).total_seconds() * 1000, 3),
            }
        )
