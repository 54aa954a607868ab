"""Find the tool a call names."""

from mcp_gateway.pipeline.call import Next, ToolCall, ToolResult, UnknownTool


async def find_tool(call: ToolCall, go_on: Next) -> ToolResult:
    """Look the tool up in the catalogue.

    Raises:
        UnknownTool: there is none of that name.
    """
    tool = call.parts.catalogue.tools.get(call.name)
    if tool is None:
        raise UnknownTool(call.name)
    return await go_on(call._replace(tool=tool))
