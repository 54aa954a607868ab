"""Keep the answer of one call of a composite tool, for later calls and for the tool's own answer."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, tool_error
from mcp_gateway.requests.bodies import essence, is_json
from mcp_gateway.results.answer import TooMuch, read_answer
from mcp_gateway.results.content import read_text
from mcp_gateway.work.worker import Worker, takes_long

_MOST_TEXT = 64 << 10
"""Characters of an answer that is not JSON."""


class Kept(NamedTuple):
    """An answer as the tool's `shape` leaves it, and its size."""

    value: Any
    size: int


def keep_answer(shape: Step, worker: Worker, keep: Callable[[Kept], None]) -> Step:
    """Give the answer to `keep`, or answer the call with the error that a single call would get.

    An answer without content has no value, one that is not JSON is its text, and a file has no value.

    Args:
        shape: the step that tells errors of the API.
        worker: reads long answers.
        keep: takes the answer.
    """

    async def step(call: ToolCall, go_on: Next) -> ToolResult:
        response = call.response
        assert response is not None  # noqa: S101 - the order of the steps
        if response.status >= 300 or response.failed or call.found.graphql is not None:
            told = await shape(call, go_on)
            if told.is_error:
                return told
        try:
            read = partial(_read, call, response)
            value = await worker.run(read) if takes_long(response.body) else read()
        except TooMuch as problem:
            return _fail(call, str(problem), "too_large")
        except ValueError:
            said = f"The API was called, but its answer does not have the expected form. Call id: {call.id}"
            return _fail(call, said, "unshapeable")
        keep(Kept(value, len(response.body)))
        return ToolResult([], None, status=response.status)

    return step


def _read(call: ToolCall, response: HttpResponse) -> Any:
    edit = call.found.compiled_shape.edit
    answer = call.answer
    if answer is None:
        if not response.body:
            return None
        if edit is None and not is_json(essence(response.content_type)):
            return read_text(response, _MOST_TEXT)
        try:
            answer = read_answer(response.body, exact=True)
        except ValueError:
            if edit is not None:
                raise
            return read_text(response, _MOST_TEXT)  # as a single call shows it
    return answer.value if edit is None else edit(answer.value)


def _fail(call: ToolCall, said: str, reason: str) -> ToolResult:
    status = None if call.response is None else call.response.status
    return tool_error(said, reason=reason, decision="failed", status=status)
