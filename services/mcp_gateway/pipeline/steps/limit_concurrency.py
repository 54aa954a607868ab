"""Limit how many calls of one tool a tenant runs at once."""

from collections.abc import Awaitable

from mcp_gateway.limits.running_calls import RunningCalls
from mcp_gateway.limits.states import count
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, tool_error


def limit_concurrency(running: RunningCalls) -> Step:
    """Refuse a call if the tenant already runs the most calls of the tool, where it has a limit."""

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        most = call.found.limits.concurrent
        return go_on(call) if most is None else _count(call, go_on, running, most)

    return step


async def _count(call: ToolCall, go_on: Next, running: RunningCalls, most: int) -> ToolResult:
    # Hidden tools that composite tools call may have equal names at two APIs.
    tool, tenant = f"{call.found.api}:{call.name}", call.caller.tenant_id
    if not running.begin(tool, tenant, most):
        said = (
            f"Your organisation is already running {count(most, 'call')} of {call.name}, the most it may run "
            "at once. Nothing was sent. Try again when one of them has ended."
        )
        return tool_error(said, reason="too_many_at_once")
    try:
        return await go_on(call)
    finally:
        running.end(tool, tenant)
