"""Limit how often a tenant makes calls that are refused."""

from gatepost.claims import AccessClaims
from mcp_gateway.limits.call_limits import CallLimits, plan_bucket
from mcp_gateway.limits.states import count, describe_full
from mcp_gateway.pipeline.call import Next, RateLimited, Step, ToolCall, ToolResult
from mcp_gateway.pipeline.conversation import CallRefused, Conversation, InputRequired


def limit_refused_calls(limits: CallLimits) -> Step:
    """Count a call that is refused before it could be reserved against the tenant's rate.

    Without this, unknown tools and invalid arguments would cost their sender nothing.

    Raises:
        RateLimited: the tenant makes too many calls; it replaces the other refusal.
    """

    async def step(call: ToolCall, go_on: Next) -> ToolResult:
        try:
            result = await go_on(call)
        except (RateLimited, InputRequired):
            raise
        except CallRefused:
            await _count(call)
            raise
        if result.decision == "refused" and call.metrics.reserved is None:
            await _count(call)
        return result

    async def _count(call: ToolCall) -> None:
        if call.metrics.limited:
            return
        await count_against_rate(limits, call.caller, call.conversation)

    return step


async def count_against_rate(
    limits: CallLimits, caller: AccessClaims, conversation: Conversation
) -> None:
    """Count something that costs no units against the rate of the caller's tenant.

    Raises:
        RateLimited: the tenant calls too often.
    """
    plan, _ = limits.plans.of(caller)
    full = await limits.counts.take(caller.tenant_id, (plan_bucket(plan),))
    if full is not None:
        state = describe_full("minute", plan.per_minute, full.seconds)
        conversation.note_limits([state], state.resets)
        why = f"Your organisation may make {count(plan.per_minute, 'call')} a minute."
        raise RateLimited(why, full.seconds) from None
