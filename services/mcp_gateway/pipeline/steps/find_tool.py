"""Find the tool that a call names."""

from collections.abc import Awaitable

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, UnknownTool


def find_tool(catalogue: Catalogue) -> Step:
    """Look the tool up in the catalogue.

    Raises:
        UnknownTool: the catalogue does not have a tool of that name.
    """
    tools = catalogue.tools

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        tool = tools.get(call.name)
        if tool is None:
            raise UnknownTool(call.name)
        return go_on(call.with_tool(tool))

    return step
