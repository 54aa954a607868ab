"""The first step: turn a call of `execute_tool`, or by a former name, into a call of the tool itself."""

from collections.abc import Awaitable

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.coercion import coerce_arguments
from mcp_gateway.catalogue.meta_tools import EXECUTE, META_TOOLS
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult
from mcp_gateway.results.fields import parse_field

RENAMED = "gatepost/renamed"
"""The member of a result's `_meta` that has the present name of a tool that was called by a former one."""


def unwrap_execute(catalogue: Catalogue) -> Step:
    """Pass the inner call on, so that every later step, including the record, sees the tool itself.

    A malformed call passes unchanged, and `answer_meta_tools` explains the problem. A former name passes
    unchanged too if the caller may not use the tool, because an answer must not tell the present name.
    The result of a call by a former name tells clients the present one in `_meta`, and not the model: a
    model that knows only the former name has the client's older list, and can't call another.
    """

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        if call.name == EXECUTE and catalogue.is_searched(call.caller.allowed_tools):
            execute = META_TOOLS[EXECUTE]
            given = coerce_arguments(execute.input_schema, call.arguments)
            if not execute.validate(given) and given["name"] not in META_TOOLS:
                call = call._replace(
                    name=given["name"],
                    arguments=given.get("arguments", {}),
                    fields=tuple(map(parse_field, given.get("fields", ()))),
                )
        return go_on(call)

    def step_with_former_names(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        def rename(call: ToolCall) -> Awaitable[ToolResult]:
            found = catalogue.former.get(call.name)
            if found is None or found[0].name not in catalogue.usable(call.caller.allowed_tools):
                return go_on(call)
            tool, former = found
            return _tell_name(go_on(call._replace(name=tool.name, former=former)), tool.name)

        return step(call, rename)

    return step_with_former_names if catalogue.former else step


async def _tell_name(answer: Awaitable[ToolResult], name: str) -> ToolResult:
    result = await answer
    return result._replace(meta={**(result.meta or {}), RENAMED: name})
