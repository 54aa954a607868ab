"""Let a call through to an upstream that answers and has room for it."""

from mcp_gateway.pipeline.call import Next, ToolCall, ToolResult, tool_error, try_again_in

_BUSY = 5
"""Seconds after which a call that found no room is worth making again."""


async def guard_upstream(call: ToolCall, go_on: Next) -> ToolResult:
    """Refuse where the breaker is open; wait for a slot within half of the tool's deadline.

    The other half is what the call itself has left at least.
    """
    guard = call.parts.guards.of(call.found)
    tenant = call.caller.tenant_id
    probes = False
    if guard.is_open:
        if seconds := guard.wait(tenant):
            said = f"The API fails at the moment. Nothing was sent. {try_again_in(seconds)}"
            await call.conversation.log("warning", f"{call.found.title}: {said}")
            return tool_error(said, reason="breaker_open")
        probes = guard.begin_probe(tenant)
    bulkhead = guard.origin.bulkhead
    try:
        if not bulkhead.take(tenant):
            before = call.parts.now()
            if not await bulkhead.wait(tenant, call.found.deadline / 2):
                said = f"Too many calls are waiting for the API. Nothing was sent. {try_again_in(_BUSY)}"
                return tool_error(said, reason="no_place")
            call = call._replace(waited=(call.parts.now() - before).total_seconds())
        try:
            return await go_on(call)
        finally:
            bulkhead.leave(tenant)
    finally:
        if probes:
            guard.end_probe()
