"""The first step: turn a call of `execute_tool` into a call of the tool that it names."""

from collections.abc import Awaitable

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.coercion import coerce_arguments
from mcp_gateway.catalogue.meta_tools import EXECUTE, META_TOOLS
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult


def unwrap_execute(catalogue: Catalogue) -> Step:
    """Pass the inner call on, so that every later step, including the record, sees the tool itself.

    A malformed call passes unchanged, and `answer_meta_tools` explains the problem.
    """

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        if call.name == EXECUTE and catalogue.is_searched(call.caller.allowed_tools):
            execute = META_TOOLS[EXECUTE]
            given = coerce_arguments(execute.input_schema, call.arguments)
            if not execute.validate(given) and given["name"] not in META_TOOLS:
                call = call._replace(name=given["name"], arguments=given.get("arguments", {}))
        return go_on(call)

    return step
