"""Send a client that waits for a slow tool the progress of its call."""

from collections.abc import Awaitable

from mcp_gateway.pipeline.call import Next, ToolCall, ToolResult


def report_progress(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
    """Report three stages of the upstream call, as progress and as log messages.

    This is only for tools that the manifest marks as slow: a notification turns the JSON answer
    into an event stream.
    """
    return _report(call, go_on) if call.found.slow else go_on(call)


async def _report(call: ToolCall, go_on: Next) -> ToolResult:
    talk = call.conversation
    name = call.found.title
    await talk.log("info", f"{name}: the call is allowed and its arguments are valid")
    await talk.progress(0, 2, "Checked")
    await talk.log("info", f"{name}: waiting for the API")
    await talk.progress(1, 2, "Waiting for the API")
    result = await go_on(call)
    said = "did not answer" if result.status is None else f"answered {result.status}"
    await talk.log("warning" if result.is_error else "info", f"{name}: the API {said}")
    await talk.progress(2, 2, "The API answered" if result.status else "No answer")
    return result
