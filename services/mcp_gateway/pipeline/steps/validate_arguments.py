"""Refuse arguments that violate the tool's schema, before anything leaves the gateway.

Unambiguous mistakes of type are corrected first.
"""

from collections.abc import Awaitable

from mcp_gateway.catalogue.coercion import coerce_arguments
from mcp_gateway.pipeline.call import Next, ToolCall, ToolResult, at_once
from mcp_gateway.pipeline.refuse_arguments import refuse_arguments


def validate_arguments(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
    """Return a tool error that lists each problem (MCP tools, Error Handling; SEP-1303)."""
    tool = call.found
    problems = tool.validate(call.arguments)
    if problems:
        coerced = coerce_arguments(tool.input_schema, call.arguments)
        problems = tool.validate(coerced)
        call = call._replace(arguments=coerced)
    return at_once(refuse_arguments(problems)) if problems else go_on(call)
