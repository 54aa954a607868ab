"""Count a question about a job against the limit of the tool that asks it, if the manifest has one."""

from mcp_gateway.limits.call_limits import CallLimits, tool_bucket
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, tool_error, try_again_in


def limit_questions(limits: CallLimits) -> Step:
    """Refuse a question if the tenant calls its tool too often, whether about jobs or by itself."""

    async def step(call: ToolCall, go_on: Next) -> ToolResult:
        most = call.found.limits.per_minute
        if most is not None:
            bucket = tool_bucket(call.name, most)
            full = await limits.counts.take(call.caller.tenant_id, (bucket,))
            if full is not None:
                said = (
                    f"Your organisation may make {most} a minute of {call.name}. Nothing was sent. "
                    f"{try_again_in(full.seconds)}"
                )
                return tool_error(said, reason="rate_limited")
        return await go_on(call)

    return step
