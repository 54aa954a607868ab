"""Make the upstream request a call stands for, again where that is safe and worth it."""

from mcp_gateway.pipeline.call import Next, ToolCall, ToolResult, tool_error
from mcp_gateway.upstream.port import ASSERTION_HEADER, UpstreamFailed, UpstreamResponse
from mcp_gateway.upstream.request import UpstreamRequest
from mcp_gateway.upstream.retries import MOST_ATTEMPTS, backoff, is_repeatable, read_retry_after
from mcp_gateway.upstream.serialise import UnserialisableArgument

# Never from an argument: credentials, identity, and what frames or reroutes the request.
_RESERVED = frozenset(
    {
        "authorization",
        "proxy-authorization",
        ASSERTION_HEADER.lower(),
        "connection",
        "content-length",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
    }
)
# What a proxy or an overloaded server answers in place of the API (RFC 9110 §15.6).
_BROKEN = frozenset({502, 503, 504})
_WORTH_ANOTHER = _BROKEN | {429}
_SILENCE = frozenset({"deadline", "unreachable"})

Outcome = UpstreamResponse | UpstreamFailed


async def call_upstream(call: ToolCall, go_on: Next) -> ToolResult:
    """Write the request, sign for the caller, send within the deadline, and go on with the answer.

    All attempts, and what the call waited for its place, share the tool's deadline.
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
    try:
        outcome = await _send_with_retries(call, request)
    finally:
        call.trip.seconds = (parts.now() - began).total_seconds()
    if isinstance(outcome, UpstreamFailed):
        said = str(outcome)
        return tool_error(said, reason=outcome.reason, decision="failed", error=said)
    return await go_on(call._replace(response=outcome))


async def _send_with_retries(call: ToolCall, request: UpstreamRequest) -> Outcome:
    tool, parts = call.found, call.parts
    began = parts.now()
    deadline = tool.deadline - call.waited
    outcome, attempt = await _send(call, request, call.id, deadline), 1
    while pause := _worth_another(call, request, outcome, attempt):
        left = deadline - (parts.now() - began).total_seconds()
        if pause >= left or not parts.guards.of(tool).origin.budget.spend():
            break
        said = f"{_tell(outcome)}; the call is made again in {pause:.1f} seconds"
        await call.conversation.log("warning", f"{tool.title}: {said}")
        await parts.wait(pause)
        attempt += 1
        call.trip.retries += 1
        left = deadline - (parts.now() - began).total_seconds()
        outcome = await _send(call, request, f"{call.id}.{attempt}", left)
    return outcome


async def _send(call: ToolCall, request: UpstreamRequest, jti: str, deadline: float) -> Outcome:
    """Sign and send once, and tell the breakers what came of it."""
    tool, parts = call.found, call.parts
    guard = parts.guards.of(tool)
    # Each attempt is signed for itself: an upstream may refuse a `jti` that it has seen.
    assertion = parts.sign(request, call.caller, tool.name, jti)
    request = add_headers(request, ((ASSERTION_HEADER, assertion), *parts.upstream_headers))
    at_least = 0.0
    try:
        response = await parts.upstream.send(request, deadline=deadline)
    except UpstreamFailed as failure:
        outcome: Outcome = failure
        call.trip.status = None
        broken = failure.reason in _SILENCE
    else:
        outcome = response
        call.trip.status = response.status
        if broken := response.status in _BROKEN:
            at_least = read_retry_after(response.retry_after, parts.now) or 0.0
    if not broken:
        guard.succeeded()
    elif guard.failed(call.caller.tenant_id, at_least=at_least):
        said = f"{_tell(outcome)} again and again; the API is left alone for a while"
        await call.conversation.log("error", f"{tool.title}: {said}")
    return outcome


def _worth_another(
    call: ToolCall, request: UpstreamRequest, outcome: Outcome, attempt: int
) -> float:
    """Answer the seconds after which the request is worth making again; 0 where it never is."""
    if isinstance(outcome, UpstreamResponse):
        if outcome.status not in _WORTH_ANOTHER:
            return 0.0
        asked = read_retry_after(outcome.retry_after, call.parts.now)
    elif outcome.reason == "unreachable":
        asked = None
    else:
        return 0.0
    tool, parts = call.found, call.parts
    if (
        attempt >= MOST_ATTEMPTS
        or (asked is None and isinstance(outcome, UpstreamResponse) and outcome.status == 429)
        or not is_repeatable(request.method, keyed=tool.operation.idempotency is not None)
        or parts.guards.of(tool).wait(call.caller.tenant_id)
    ):
        return 0.0
    return max(asked or 0.0, backoff(attempt, parts.random), 0.01)


def _tell(outcome: Outcome) -> str:
    if isinstance(outcome, UpstreamFailed):
        late = outcome.reason == "deadline"
        return "The API did not answer in time" if late else "The API can't be reached"
    return f"The API answered {outcome.status}"


def add_headers(request: UpstreamRequest, ours: tuple[tuple[str, str], ...]) -> UpstreamRequest:
    """Add our headers; one from an argument that bears a reserved name or one of ours is left out."""
    taken = {name.lower() for name, _ in ours} | _RESERVED
    kept = tuple(header for header in request.headers if header[0].lower() not in taken)
    return UpstreamRequest(request.method, request.url, kept + ours, request.body)
