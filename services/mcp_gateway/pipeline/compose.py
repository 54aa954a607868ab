"""Chain steps into one function."""

from collections.abc import Awaitable, Sequence

from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult


def compose(steps: Sequence[Step]) -> Next:
    """Chain steps into one function; the last one must answer without calling the rest."""
    rest: Next = _end
    for step in reversed(steps):
        rest = _before(step, rest)
    return rest


def _before(step: Step, rest: Next) -> Next:
    def go_on(call: ToolCall) -> Awaitable[ToolResult]:
        return step(call, rest)

    return go_on


async def _end(call: ToolCall) -> ToolResult:
    raise RuntimeError("the last step called the rest")
