"""Ask a model about one case, with the tools as the gateway would list them."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.coercion import coerce_arguments
from mcp_gateway.catalogue.meta_tools import DESCRIBE, EXECUTE, FOUND, META_TOOLS, SEARCH
from mcp_gateway.catalogue.tool import publish_tool
from mcp_gateway.evals.cases import Case
from mcp_gateway.evals.chat import Chat, ChatFailed, WantedCall
from mcp_gateway.pipeline.steps.answer_meta_tools import summarise_tool
from mcp_gateway.review.eval_report import CaseResult, Problem

_ROUNDS = 6
_SYSTEM = (
    "You are an assistant of somebody who uses {name}. Call a tool if it serves the request, with only "
    "what the person said; otherwise answer in a sentence."
)
Body = dict[str, Any]


def is_searched(catalogue: Catalogue) -> bool:
    """Tell whether a connection that allows every tool finds them by search."""
    return catalogue.search_above is not None and len(catalogue.tools) > catalogue.search_above


def offer_tools(catalogue: Catalogue) -> list[Body]:
    """Return the tools in the form of chat completions, under the gateway's own names."""
    if is_searched(catalogue):
        published = [meta.published for meta in META_TOOLS.values()]
    else:
        published = [publish_tool(tool) for tool in catalogue.tools.values()]
    return [
        {
            "type": "function",
            "function": {
                "name": tool["name"],
                "description": tool["description"],
                "parameters": tool["inputSchema"],
            },
        }
        for tool in published
    ]


async def run_case(
    chat: Chat, model: str, catalogue: Catalogue, case: Case, tools: Sequence[Body]
) -> CaseResult:
    """Offer the tools, ask, and judge the calls; a failure of the model or its endpoint is a result, too."""
    messages: list[Mapping[str, Any]] = [
        {"role": "system", "content": _SYSTEM.format(name=catalogue.name)},
        {"role": "user", "content": case.prompt},
    ]
    searched = is_searched(catalogue)
    try:
        for _ in range(_ROUNDS if searched else 1):
            body = {"model": model, "messages": messages, "tools": tools, "tool_choice": "auto"}
            reply = await chat.complete(body)
            calls = [_unwrap(call) for call in reply.calls] if searched else list(reply.calls)
            found = [call for call in calls if not (searched and call.name in META_TOOLS)]
            if found or not calls:
                return _judge(catalogue, case, found)
            messages += [reply.message, *(_answer(catalogue, call) for call in calls)]
    except ChatFailed as failure:
        return CaseResult(case=case.id, expected=case.tool, outcome="failed", detail=str(failure))
    return CaseResult(
        case=case.id,
        expected=case.tool,
        outcome="failed",
        detail=f"the model searched {_ROUNDS} times and called nothing",
    )


def _judge(catalogue: Catalogue, case: Case, calls: list[WantedCall]) -> CaseResult:
    called = tuple(call.name for call in calls)
    right = {case.tool, *case.also} - {None}
    result = CaseResult(case=case.id, expected=case.tool, called=called, outcome="right")
    if case.tool is None:
        return result if not calls else result.model_copy(update={"outcome": "needless"})
    if not calls:
        return result.model_copy(update={"outcome": "no_call"})
    chosen = next((call for call in calls if call.name in right), None)
    needless = len(calls) - 1
    if chosen is None:
        unknown = called[0] not in catalogue.tools
        outcome = "unknown_tool" if unknown else "wrong_tool"
        return result.model_copy(update={"outcome": outcome, "needless": needless})
    arguments, problems = _read_arguments(catalogue, chosen, case)
    changes = {"arguments": arguments, "problems": problems, "needless": needless}
    return result.model_copy(update=changes)


def _read_arguments(
    catalogue: Catalogue, call: WantedCall, case: Case
) -> tuple[str, tuple[Problem, ...]]:
    """Validate as the gateway does, which repairs plain mistakes of type."""
    tool = catalogue.tools.get(call.name)
    if tool is None:  # named in `also`, and no longer served
        return "", ()
    try:
        given = orjson.loads(call.arguments or "{}")
    except orjson.JSONDecodeError:
        return "invalid", (Problem(argument="", message="the arguments are not JSON"),)
    if not isinstance(given, dict):
        return "invalid", (Problem(argument="", message="the arguments are not an object"),)
    given.pop(tool.purpose, None)
    first = tool.validate(given)
    repaired = coerce_arguments(tool.input_schema, given) if first else given
    problems = tool.validate(repaired) if first else first
    if problems:
        told = [Problem(argument=one.argument, message=one.message) for one in problems]
        return "invalid", tuple(told)
    if case.tool == call.name:
        other = [key for key, value in case.arguments.items() if repaired.get(key) != value]
        if other:
            said = "has another value than the person said"
            return "different", tuple(Problem(argument=key, message=said) for key in other)
    if first:
        told = [Problem(argument=one.argument, message=one.message) for one in first]
        return "repaired", tuple(told)
    return "valid", ()


def _unwrap(call: WantedCall) -> WantedCall:
    """Return the call that `execute_tool` makes, or the call itself."""
    if call.name != EXECUTE:
        return call
    given = _object(call)
    arguments = given.get("arguments", {})
    written = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
    return WantedCall(call.id, str(given.get("name", "")), written)


def _answer(catalogue: Catalogue, call: WantedCall) -> Body:
    """Answer a search as the gateway does."""
    given = coerce_arguments(META_TOOLS[call.name].input_schema, _object(call))
    content: Any
    if problems := META_TOOLS[call.name].validate(given):
        content = {"error": [one.message for one in problems]}
    elif call.name == SEARCH:
        found = catalogue.index.search(given["query"], lambda _: True, given.get("limit", FOUND))
        content = {"tools": [summarise_tool(tool) for tool in found]}
    elif call.name == DESCRIBE and given["name"] in catalogue.tools:
        content = publish_tool(catalogue.tools[given["name"]])
    else:
        content = {"error": "Unknown tool"}
    text = orjson.dumps(content, default=dict).decode()
    return {"role": "tool", "tool_call_id": call.id, "content": text}


def _object(call: WantedCall) -> dict[str, Any]:
    try:
        given = orjson.loads(call.arguments or "{}")
    except orjson.JSONDecodeError:
        return {}
    return given if isinstance(given, dict) else {}
