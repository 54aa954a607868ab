"""Make the upstream request a call stands for, again where that is safe and worth it."""

from datetime import datetime, timedelta

from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.pipeline.call import Next, ToolCall, ToolResult, tool_error
from mcp_gateway.pipeline.send import BROKEN, Outcome, send, tell
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.requests.serialise import UnserialisableArgument
from mcp_gateway.upstream.credentials.port import NoCredential
from mcp_gateway.upstream.retries import MOST_ATTEMPTS, backoff, is_repeatable, read_retry_after

_WORTH_ANOTHER = BROKEN | {429}


async def call_upstream(call: ToolCall, go_on: Next) -> ToolResult:
    """Write the request, sign for the caller, send within the deadline, and go on with the answer.

    All attempts, and what the call waited for its slot, share the tool's deadline.
    """
    tool, parts = call.found, call.parts
    try:
        request = parts.requests.write(tool.name, tool.operation, call.values)
    except UnserialisableArgument as problem:
        subject = problem.argument or "The request"
        return tool_error(
            f"{subject} {problem.message}. Nothing was done.", reason="unserialisable"
        )
    if tool.graphql is not None:
        request = tool.graphql.wrap(request)
    parts.guards.of(tool).origin.budget.earn()
    began = parts.now()
    deadline = tool.deadline - call.waited
    try:
        outcome = await send(call, request, call.id, deadline)
        if isinstance(outcome, RequestFailed) or outcome.status in _WORTH_ANOTHER:
            until = began + timedelta(seconds=deadline)
            outcome = await _insist(call, request, outcome, until)
    except NoCredential as problem:
        said = str(problem)
        return tool_error(said, reason="no_credential", decision="failed", error=said)
    finally:
        call.metrics.seconds = (parts.now() - began).total_seconds()
    if isinstance(outcome, RequestFailed):
        said = str(outcome)
        return tool_error(said, reason=outcome.reason, decision="failed", error=said)
    return await go_on(call.with_response(outcome))


async def _insist(
    call: ToolCall, request: HttpRequest, outcome: Outcome, until: datetime
) -> Outcome:
    """Make the request again for as long as that is safe and worth it."""
    attempt = 1
    while await _worth_another(call, request, outcome, attempt, until):
        attempt += 1
        call.metrics.retries += 1
        left = (until - call.parts.now()).total_seconds()
        outcome = await send(call, request, f"{call.id}.{attempt}", left)
    return outcome


async def _worth_another(
    call: ToolCall, request: HttpRequest, outcome: Outcome, attempt: int, until: datetime
) -> bool:
    """Wait until the request is worth making again; `False`, at once, where it never is."""
    if isinstance(outcome, HttpResponse):
        if outcome.status not in _WORTH_ANOTHER:
            return False
        asked = read_retry_after(outcome.retry_after, call.parts.now)
        if outcome.status == 429 and asked is None:
            return False
    elif outcome.reason == "unreachable":
        asked = None
    else:
        return False
    tool, parts = call.found, call.parts
    guard = parts.guards.of(tool)
    pause = max(asked or 0.0, backoff(attempt, parts.random))
    if (
        attempt >= MOST_ATTEMPTS
        or not is_repeatable(request.method, keyed=tool.operation.idempotency is not None)
        or guard.wait(call.caller.tenant_id)
        or pause >= (until - parts.now()).total_seconds()
        or not guard.origin.budget.spend()
    ):
        return False
    said = f"{tell(outcome)}; the call is made again in {pause:.1f} seconds"
    await call.conversation.log("warning", f"{tool.title}: {said}")
    await parts.wait(pause)
    return True
