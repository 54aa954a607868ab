"""Compare an answer of the API with the output schema that a tool publishes."""

from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.results.answer import TooMuch
from mcp_gateway.results.content import Unshapeable, shape_answer
from mcp_gateway.results.output import Deviation, Output

_MOST = 20


class Undeliverable(Exception):
    """A call with this answer would be an error; the message says why."""


def compare_answer(tool: Tool, output: Output, body: bytes) -> list[Deviation]:
    """Return the first places where an answer deviates, as `shape` leaves it, without a value.

    Raises:
        Undeliverable: the answer can't be shaped.
    """
    response = HttpResponse(200, "application/json", body)
    try:
        shaped = shape_answer(response, tool.compiled_shape, name=tool.name)
    except Unshapeable:
        raise Undeliverable("the answer is not JSON, which the tool's `shape` needs") from None
    except TooMuch as problem:
        raise Undeliverable(str(problem)) from None
    found: dict[Deviation, None] = {}
    for deviation in output.deliver(shaped)[1] or ():
        found[deviation] = None
        if len(found) == _MOST:
            break
    return list(found)
