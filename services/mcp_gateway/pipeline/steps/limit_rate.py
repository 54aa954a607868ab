"""Limit how often a tenant calls, by its tier and by the tool."""

from gatepost.rate import MINUTE
from mcp_gateway.limits.port import Bucket, RateLimiter, Tiers
from mcp_gateway.pipeline.call import Next, RateLimited, Step, ToolCall, ToolResult


def limit_rate(limits: RateLimiter, tiers: Tiers) -> Step:
    """Count the call for its tenant, and for the tool if the manifest limits it.

    Raises:
        RateLimited: the call exceeds a limit; it does not count.
    """

    async def step(call: ToolCall, go_on: Next) -> ToolResult:
        caller, tool = call.caller, call.found
        tier, bucket = tiers.of(caller.rate_limit_tier)
        per_minute = tool.limits.per_minute
        if per_minute is None:
            full = await limits.take(caller.tenant_id, (bucket,))
        else:
            own = Bucket(f"tool:{tool.name}", max(MINUTE // per_minute, 1), per_minute)
            full = await limits.take(caller.tenant_id, (bucket, own))
        if full is None:
            return await go_on(call)
        if full.bucket == bucket.name:
            allowed = f"{tier.per_minute} calls a minute"
        else:
            allowed = f"{per_minute} a minute of {tool.name}"
        raise RateLimited(f"Your organisation may make {allowed}.", full.seconds)

    return step
