"""Count a question about a job against the limits of the tool that asks it and of its API, if they have one."""

from collections.abc import Mapping

from mcp_gateway.limits.call_limits import CallLimits, tool_bucket
from mcp_gateway.limits.port import Bucket
from mcp_gateway.pipeline.api_rate import ApiRate
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, tool_error, try_again_in


def limit_questions(limits: CallLimits, rates: Mapping[str, ApiRate]) -> Step:
    """Refuse a question if the tenant calls its tool or API too often, whether about jobs or by itself."""

    async def step(call: ToolCall, go_on: Next) -> ToolResult:
        most, rate = call.found.limits.per_minute, rates.get(call.found.api)
        buckets: list[Bucket] = []
        if most is not None:
            buckets.append(tool_bucket(call.found.api, call.name, most))
        if rate is not None:
            buckets.append(rate.bucket)
        full = await limits.counts.take(call.caller.tenant_id, buckets) if buckets else None
        if full is None:
            return await go_on(call)
        allowed = f"{most} a minute of {call.name}"
        if rate is not None and full.bucket == rate.bucket.name:
            allowed = rate.allowed
        said = (
            f"Your organisation may make {allowed}. Nothing was sent. {try_again_in(full.seconds)}"
        )
        return tool_error(said, reason="rate_limited")

    return step
