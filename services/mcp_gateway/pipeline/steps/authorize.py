"""Allow only the tools that the person consented to."""

from collections.abc import Awaitable

from gatepost.scopes import covers
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.pipeline.call import (
    Next,
    ScopeMissing,
    Step,
    ToolCall,
    ToolResult,
    UnknownTool,
)


def authorize(catalogue: Catalogue) -> Step:
    """Check that the token allows the tool, then that it has the tool's scope.

    Raises:
        UnknownTool: the tool is not allowed, so this caller must not know that it exists.
        ScopeMissing: the tool is allowed, but the token lacks its scope.
    """

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        tool = call.found
        if tool.name not in catalogue.usable(call.caller.allowed_tools):
            raise UnknownTool(call.name)
        if not covers(call.caller.scopes, tool.scope):
            raise ScopeMissing(tool.name, tool.scope)
        return go_on(call)

    return step
