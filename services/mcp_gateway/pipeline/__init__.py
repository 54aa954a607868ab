"""The road of one tool call, in the order things happen.

Each step gets the call and the rest of the road: it answers itself, or passes on a call that knows
more. Whatever is not allowed through by a step never reaches the ones below it.
"""

from collections.abc import Awaitable, Sequence
from functools import partial

from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult
from mcp_gateway.pipeline.steps.ask_person import ask_person
from mcp_gateway.pipeline.steps.authorize import authorize
from mcp_gateway.pipeline.steps.bind_claims import bind_claims
from mcp_gateway.pipeline.steps.call_upstream import call_upstream
from mcp_gateway.pipeline.steps.check_response import check_response
from mcp_gateway.pipeline.steps.discover import discover
from mcp_gateway.pipeline.steps.find_tool import find_tool
from mcp_gateway.pipeline.steps.guard_upstream import guard_upstream
from mcp_gateway.pipeline.steps.limit_concurrency import limit_concurrency
from mcp_gateway.pipeline.steps.limit_rate import limit_rate
from mcp_gateway.pipeline.steps.narrate import narrate
from mcp_gateway.pipeline.steps.record_call import record_call
from mcp_gateway.pipeline.steps.shape_result import shape_result
from mcp_gateway.pipeline.steps.unwrap_execute import unwrap_execute
from mcp_gateway.pipeline.steps.validate_arguments import validate_arguments

STEPS: tuple[Step, ...] = (
    unwrap_execute,  # a tool used through execute_tool is recorded under its own name
    record_call,  # every call leaves one line, refused or not
    discover,  # search_tools and describe_tool of large catalogues
    find_tool,
    authorize,  # allowed_tools, then scope
    limit_rate,  # per tenant, by its tier and by the tool
    validate_arguments,
    ask_person,  # for what the model left out, and for a yes
    bind_claims,  # who and which tenant comes from the token, never from the caller
    narrate,  # to a client that waits for a slow tool
    limit_concurrency,  # per tenant, where the manifest says so
    guard_upstream,  # breaker and bulkhead, so that no upstream and no tenant takes all
    call_upstream,
    check_response,  # an answer with somebody else's record is withheld
    shape_result,
)


def compose(steps: Sequence[Step]) -> Next:
    """Chain steps into one function; the last one must answer without going on."""
    road: Next = _end
    for step in reversed(steps):
        road = partial(_pass, step, road)
    return road


def _pass(step: Step, road: Next, call: ToolCall) -> Awaitable[ToolResult]:
    return step(call, road)


async def _end(call: ToolCall) -> ToolResult:
    raise RuntimeError("the last step went on")
