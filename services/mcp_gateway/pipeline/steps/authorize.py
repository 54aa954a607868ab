"""Allow only the tools that the person consented to."""

from collections.abc import Awaitable

from gatepost.claims import AccessClaims
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

    A token also names the tools for which the client may still ask its person; their scope is
    missing.

    Raises:
        UnknownTool: the tool is not allowed, so this caller must not know that it exists.
        ScopeMissing: the tool is allowed, but the token lacks its scope.
    """

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        tool = call.found
        if tool.name not in catalogue.usable(call.caller.allowed_tools):
            raise UnknownTool(call.name)
        if not covers(call.caller.scopes, tool.scope):
            raise ScopeMissing(tool.name, tool.scope, _say_how_to_allow(call.caller, tool.name))
        return go_on(call)

    return step


def _say_how_to_allow(caller: AccessClaims, tool: str) -> str:
    if caller.grant_id.startswith("grant_"):
        page = f"{caller.iss}/account/app?grant={caller.grant_id}&tool={tool}"
        return f"The person can allow it at {page} and then ask again."
    return "An API key or service client keeps the permissions that it was given."
