"""Last step: the upstream's answer as the model reads it."""

from mcp_gateway.pipeline.call import Next, ToolCall, ToolResult, tool_error
from mcp_gateway.upstream.graphql_errors import graphql_errors
from mcp_gateway.upstream.refusal import describe_refusal
from mcp_gateway.upstream.response import shape_body
from mcp_gateway.upstream.retries import read_retry_after


async def shape_result(call: ToolCall, _: Next) -> ToolResult:
    """Turn an error status into a tool error, anything else into content."""
    response = call.response
    assert response is not None  # noqa: S101 - the order of STEPS
    if response.status >= 300:
        return tool_error(
            describe_refusal(response, wait=read_retry_after(response.retry_after, call.parts.now)),
            reason="upstream_status",
            decision="failed",
            status=response.status,
        )
    if call.found.graphql is not None and (said := graphql_errors(response)):
        text = "The API could not do this:\n" + "\n".join(f"- {line}" for line in said)
        return tool_error(text, reason="graphql_error", decision="failed", status=response.status)
    content, structured = shape_body(response, name=f"{call.name}/{call.id}")
    return ToolResult(content, structured, status=response.status)
