"""Refuse arguments that break the tool's schema, before anything leaves the gateway."""

from mcp_gateway.pipeline.call import Next, ToolCall, ToolResult, tool_error

_MAX_LISTED = 20


async def validate_arguments(call: ToolCall, go_on: Next) -> ToolResult:
    """Answer a tool error that lists each problem (MCP tools, Error Handling; SEP-1303)."""
    problems = call.found.validate(call.arguments)
    if not problems:
        return await go_on(call)
    lines = [
        f"- {problem.argument}: {problem.message}" if problem.argument else f"- {problem.message}"
        for problem in problems[:_MAX_LISTED]
    ]
    if len(problems) > _MAX_LISTED:
        lines.append(f"- and {len(problems) - _MAX_LISTED} more")
    text = "\n".join(["The arguments are not valid. Nothing was done.", *lines])
    return tool_error(text, reason="invalid_arguments")
