"""Allow only what the person consented to."""

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
    """Compare the token's allowed tools, then its scope, with what the tool asks for.

    Raises:
        UnknownTool: the tool is not allowed; to this caller it does not exist.
        ScopeMissing: it is allowed, but the token lacks its scope.
    """

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        tool = call.found
        if tool.name not in catalogue.usable(call.caller.allowed_tools):
            raise UnknownTool(call.name)
        if not covers(call.caller.scopes, tool.scope):
            raise ScopeMissing(tool.name, tool.scope)
        return go_on(call)

    return step
