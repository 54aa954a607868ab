"""Limit how many calls of one tool a tenant runs at once."""

from collections.abc import Awaitable

from mcp_gateway.limits.running_calls import RunningCalls
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, tool_error


def limit_concurrency(running: RunningCalls) -> Step:
    """Refuse a call of a tenant that runs its number of them; most tools have no such limit."""

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        most = call.found.limits.concurrent
        return go_on(call) if most is None else _count(call, go_on, running, most)

    return step


async def _count(call: ToolCall, go_on: Next, running: RunningCalls, most: int) -> ToolResult:
    if not running.begin(call.name, call.caller.tenant_id, most):
        said = (
            f"Your organisation has {most} calls of {call.name} under way, which is all it may "
            "have at once. Nothing was sent. Try again when one of them has ended."
        )
        return tool_error(said, reason="too_many_at_once")
    try:
        return await go_on(call)
    finally:
        running.end(call.name, call.caller.tenant_id)
