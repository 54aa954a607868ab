"""Refuse arguments that violate the tool's schema, before anything leaves the gateway.

Unambiguous mistakes of type are corrected first.
"""

from collections.abc import Awaitable

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.coercion import coerce_arguments
from mcp_gateway.catalogue.tool import name_purpose
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, at_once
from mcp_gateway.pipeline.refuse_arguments import refuse_arguments
from mcp_gateway.pipeline.stated import clean_words


def validate_arguments(catalogue: Catalogue) -> Step:
    """Return a tool error that lists each problem (MCP tools, Error Handling; SEP-1303).

    If the tools have an argument for the purpose, its words are kept for the call event first. No later
    step and no upstream sees it, and whatever it holds does not make a call fail. Clients that read the tools
    while they had it go on sending it, so without it the argument is removed and its words are not kept.
    """
    purposes = {tool.name: tool.purpose or name_purpose(tool) for tool in catalogue.tools.values()}

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        tool = call.found
        problems = tool.validate(call.arguments)
        if problems:
            coerced = coerce_arguments(tool.input_schema, call.arguments)
            problems = tool.validate(coerced)
            call = call._replace(arguments=coerced)
        if not problems:
            return go_on(call)
        return at_once(refuse_arguments(problems, tool.input_schema.get("properties", ())))

    def take_purpose(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        name = purposes.get(call.found.name, "")
        if name in call.arguments:
            if call.found.purpose:
                call.metrics.purpose = clean_words(call.arguments[name])
            kept = {key: value for key, value in call.arguments.items() if key != name}
            call = call._replace(arguments=kept)
        return step(call, go_on)

    return take_purpose
