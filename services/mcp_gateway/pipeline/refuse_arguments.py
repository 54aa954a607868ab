"""Refuse a call whose arguments are not valid."""

from collections.abc import Sequence

from mcp_gateway.catalogue.tool import ArgumentProblem
from mcp_gateway.pipeline.call import ToolResult, tool_error

_MAX_LISTED = 20


def refuse_arguments(problems: Sequence[ArgumentProblem]) -> ToolResult:
    """Return a tool error that lists each problem."""
    lines = [
        f"- {problem.argument}: {problem.message}" if problem.argument else f"- {problem.message}"
        for problem in problems[:_MAX_LISTED]
    ]
    if len(problems) > _MAX_LISTED:
        lines.append(f"- and {len(problems) - _MAX_LISTED} more")
    text = "\n".join(["The arguments are not valid. Nothing was done.", *lines])
    return tool_error(text, reason="invalid_arguments")
