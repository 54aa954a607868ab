"""Refuse arguments that violate the tool's schema, before anything leaves the gateway.

Unambiguous mistakes of type are corrected first.
"""

from collections.abc import Awaitable

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.coercion import coerce_arguments
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, at_once
from mcp_gateway.pipeline.refuse_arguments import refuse_arguments
from mcp_gateway.pipeline.stated import clean_words


def validate_arguments(catalogue: Catalogue) -> Step:
    """Return a tool error that lists each problem (MCP tools, Error Handling; SEP-1303).

    If the tools have an argument for the purpose, its words are kept for the call event first. No later
    step and no upstream sees it, and whatever it holds does not make a call fail.
    """

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        tool = call.found
        problems = tool.validate(call.arguments)
        if problems:
            coerced = coerce_arguments(tool.input_schema, call.arguments)
            problems = tool.validate(coerced)
            call = call._replace(arguments=coerced)
        return at_once(refuse_arguments(problems)) if problems else go_on(call)

    def take_purpose(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        name = call.found.purpose
        if name in call.arguments:
            call.metrics.purpose = clean_words(call.arguments[name])
            kept = {key: value for key, value in call.arguments.items() if key != name}
            call = call._replace(arguments=kept)
        return step(call, go_on)

    return take_purpose if catalogue.asks_purpose else step
