"""Refuse a call whose arguments are not valid."""

from collections.abc import Iterable, Sequence

from mcp_gateway.catalogue.tool import ArgumentProblem
from mcp_gateway.pipeline.call import ToolResult, tool_error

_MAX_LISTED = 20
_UNFIT = "fits none of the allowed forms"


def refuse_arguments(problems: Sequence[ArgumentProblem], known: Iterable[str] = ()) -> ToolResult:
    """Return a tool error that lists each problem; the call event has the first.

    Args:
        problems: what is wrong.
        known: the names of the tool's arguments. The call event has no other name, since a model
            wrote it.
    """
    lines = [
        f"- {problem.argument}: {problem.message}" if problem.argument else f"- {problem.message}"
        for problem in problems[:_MAX_LISTED]
    ]
    if len(problems) > _MAX_LISTED:
        lines.append(f"- and {len(problems) - _MAX_LISTED} more")
    text = "\n".join(["The arguments are not valid. Nothing was done.", *lines])
    return tool_error(text, reason="invalid_arguments", error=_record(problems[0], known))


def _record(problem: ArgumentProblem, known: Iterable[str]) -> str:
    """Describe a problem in the words of the schema alone."""
    # After the colon, the message has paths within the value.
    message = _UNFIT if problem.message.startswith(_UNFIT) else problem.message
    for name in known:
        if problem.argument == name or problem.argument.startswith((f"{name}.", f"{name}[")):
            return f"{name}: {message}"
    return message
