"""Refuse arguments that violate the tool's schema, before anything leaves the gateway.

Unambiguous mistakes of type are corrected first.
"""

import re
from collections.abc import Awaitable, Sequence

from gatepost.clock import Now
from gatepost.metering.call_event import LONGEST_STATED
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.coercion import coerce_arguments
from mcp_gateway.catalogue.tool import ArgumentProblem, FormerName, Tool, name_purpose
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, at_once, tool_error
from mcp_gateway.pipeline.refuse_arguments import refuse_arguments
from mcp_gateway.pipeline.stated import clean_words


def validate_arguments(catalogue: Catalogue, now: Now) -> Step:
    """Return a tool error that lists each problem (MCP tools, Error Handling; SEP-1303).

    If the tools have an argument for the purpose, its words are kept for the call event first. No later
    step and no upstream sees it, and whatever it holds does not make a call fail. Clients that read the tools
    while they had it go on sending it, so without it the argument is removed and its words are not kept.

    The arguments of a call by a former name are validated under their former names and then renamed, so that
    problems name them as the client knows them. After its last day, a former name is refused.
    """
    # Hidden tools that composite tools call may have the names of another API's tools.
    purposes = {
        (tool.api, tool.name): tool.purpose or name_purpose(tool)
        for tool in catalogue.tools.values()
    }

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        tool = call.found
        problems = tool.validate(call.arguments)
        if wrong := problems:
            coerced = coerce_arguments(tool.input_schema, call.arguments)
            problems = tool.validate(coerced)
            call = call._replace(arguments=coerced)
            if not problems:
                call.metrics.repaired = _names_of(wrong, tool)
        if not problems:
            return go_on(call)
        return at_once(refuse_arguments(problems, tool.input_schema.get("properties", ())))

    def take_purpose(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        tool = call.found
        name = purposes.get((tool.api, tool.name), "")
        if name in call.arguments:
            if tool.purpose:
                call.metrics.purpose = clean_words(call.arguments[name])
            kept = {key: value for key, value in call.arguments.items() if key != name}
            call = call._replace(arguments=kept)
        if call.former is not None:
            return _validate_former(call, call.former, now, go_on)
        return step(call, go_on)

    return take_purpose


def _validate_former(
    call: ToolCall, former: FormerName, now: Now, go_on: Next
) -> Awaitable[ToolResult]:
    if now().date() > former.until:
        said = (
            f"{former.name} is called {call.found.name} now, and its former name is no longer accepted. "
            f"Nothing was done. Read the list of tools again and use {call.found.name}."
        )
        return at_once(tool_error(said, reason="former_name"))
    given = call.arguments
    problems = former.validate(given)
    if problems:
        given = coerce_arguments(former.input_schema, given)
        problems = former.validate(given)
    if problems:
        return at_once(refuse_arguments(problems, former.input_schema["properties"]))
    return go_on(call._replace(arguments=former.rename(given)))


def _names_of(problems: Sequence[ArgumentProblem], tool: Tool) -> str:
    """Return the names of the tool's own arguments with a problem; names within them may be the model's."""
    found = {re.split(r"[.\[]", one.argument)[0] for one in problems}
    return ", ".join(sorted(found & tool.input_schema["properties"].keys()))[:LONGEST_STATED]
