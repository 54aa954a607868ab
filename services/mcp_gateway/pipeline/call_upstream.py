"""Make the one upstream request a call stands for."""

from mcp_gateway.pipeline.call import Next, ToolCall, ToolResult, tool_error
from mcp_gateway.upstream.port import ASSERTION_HEADER, UpstreamFailed
from mcp_gateway.upstream.request import UpstreamRequest
from mcp_gateway.upstream.serialise import UnserialisableArgument, serialise

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


async def call_upstream(call: ToolCall, go_on: Next) -> ToolResult:
    """Write the request, sign for the caller, send, and go on with the answer."""
    tool, parts = call.found, call.parts
    try:
        request = serialise(tool.operation, parts.upstream_url, call.values)
    except UnserialisableArgument as problem:
        subject = problem.argument or "The request"
        return tool_error(
            f"{subject} {problem.message}. Nothing was done.", reason="unserialisable"
        )
    if tool.graphql is not None:
        request = tool.graphql.wrap(request)
    assertion = parts.sign(request, call.caller, tool.name, call.id)
    request = add_headers(request, ((ASSERTION_HEADER, assertion), *parts.upstream_headers))
    try:
        response = await parts.upstream.send(request, deadline=tool.deadline)
    except UpstreamFailed as failure:
        return tool_error(str(failure), reason=failure.reason, decision="failed")
    return await go_on(call._replace(response=response))


def add_headers(request: UpstreamRequest, ours: tuple[tuple[str, str], ...]) -> UpstreamRequest:
    """Add our headers; one from an argument that bears a reserved name or one of ours is left out."""
    taken = {name.lower() for name, _ in ours} | _RESERVED
    kept = tuple(header for header in request.headers if header[0].lower() not in taken)
    return UpstreamRequest(request.method, request.url, kept + ours, request.body)
