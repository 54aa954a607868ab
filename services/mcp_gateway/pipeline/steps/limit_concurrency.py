"""Let one tenant have as many calls of a tool under way as the manifest allows."""

from collections.abc import Awaitable

from mcp_gateway.pipeline.call import Next, ToolCall, ToolResult, tool_error


def limit_concurrency(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
    """Refuse a call of a tenant that has its number under way; most tools have no such limit."""
    most = call.found.limits.concurrent
    return go_on(call) if most is None else _count(call, go_on, most)


async def _count(call: ToolCall, go_on: Next, most: int) -> ToolResult:
    running, tenant = call.parts.guards.of(call.found).running, call.caller.tenant_id
    if running[tenant] >= most:
        said = (
            f"Your organisation has {most} calls of {call.name} under way, which is all it may "
            "have at once. Nothing was sent. Try again when one of them has ended."
        )
        return tool_error(said, reason="too_many_at_once")
    running[tenant] += 1
    try:
        return await go_on(call)
    finally:
        running[tenant] -= 1
        if not running[tenant]:
            del running[tenant]
