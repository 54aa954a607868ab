"""Pass a call on only if the upstream is healthy and has a free slot."""

from gatepost.clock import Now
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, tool_error, try_again_in
from mcp_gateway.upstream.guards import Guards

_BUSY = 5
"""Seconds after which a call that did not get a slot should be repeated."""


def guard_upstream(guards: Guards, now: Now) -> Step:
    """Refuse the call if the breaker is open; wait for a slot for up to half of the rest of its deadline.

    That leaves at least the other half for the request itself.
    """

    async def step(call: ToolCall, go_on: Next) -> ToolResult:
        guard = guards.of(call.found)
        tenant = call.caller.tenant_id
        probes = False
        if guard.is_open:
            if seconds := guard.wait(tenant):
                said = (
                    f"The API is failing at the moment. Nothing was sent. {try_again_in(seconds)}"
                )
                await call.conversation.log("warning", f"{call.found.title}: {said}")
                return tool_error(said, reason="breaker_open")
            probes = guard.begin_probe(tenant)
        bulkhead = guard.origin.bulkhead
        try:
            if not bulkhead.take(tenant):
                before = now()
                if not await bulkhead.wait(tenant, (call.found.deadline - call.waited) / 2):
                    said = f"Too many calls are waiting for the API. Nothing was sent. {try_again_in(_BUSY)}"
                    return tool_error(said, reason="no_place")
                waited = call.waited + (now() - before).total_seconds()
                call = call._replace(waited=waited)
            try:
                return await go_on(call)
            finally:
                bulkhead.leave(tenant)
        finally:
            if probes:
                guard.end_probe()

    return step
