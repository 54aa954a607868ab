"""Find the tool a call names."""

from collections.abc import Awaitable

from mcp_gateway.pipeline.call import Next, ToolCall, ToolResult, UnknownTool


def find_tool(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
    """Look the tool up in the catalogue.

    Raises:
        UnknownTool: there is none of that name.
    """
    tool = call.parts.catalogue.tools.get(call.name)
    if tool is None:
        raise UnknownTool(call.name)
    return go_on(call.with_tool(tool))
