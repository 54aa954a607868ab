"""Answer the methods for prompts, resources and completions; each era adds its own members."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from mcp_types.jsonrpc import INVALID_PARAMS, METHOD_NOT_FOUND

from mcp_gateway.catalogue.prompts import ListedValues, Prompt, PromptArgument
from mcp_gateway.catalogue.resources import McpResourceTemplate
from mcp_gateway.elicitation.ask import BadAnswer, Declined, ask_arguments, read_form
from mcp_gateway.pipeline.call import UnknownTool
from mcp_gateway.pipeline.conversation import (
    AnswerRefused,
    CallRefused,
    CannotAsk,
    InputRequired,
    NobodyAnswered,
    Silent,
)
from mcp_gateway.server_features.apps import find_app, write_app
from mcp_gateway.server_features.completion import Completable, Page, find_source
from mcp_gateway.server_features.completion import complete as complete_typed
from mcp_gateway.server_features.prompts import (
    allowed_prompts,
    describe_prompt,
    missing_arguments,
    write_prompt,
)
from mcp_gateway.server_features.resources import (
    allowed_templates,
    describe_resource,
    describe_template,
    find_resource,
    write_block,
    write_contents,
)
from mcp_gateway.server_features.skills import describe_skill, skill_resource
from mcp_gateway.wire.jsonrpc import UPSTREAM_FAILED, RpcError
from mcp_gateway.wire.server import Incoming, Server, call_tool, require_first_page

Members = dict[str, Any]
LONGEST_URI = 8_192


class ResourceMissing(RpcError):
    """The resource does not exist; the code is that of the newest revision."""

    def __init__(self, uri: str) -> None:
        """Take the requested URI."""
        super().__init__(INVALID_PARAMS, "Resource not found", {"uri": uri})


async def list_prompts(server: Server, incoming: Incoming) -> Members:
    """Answer `prompts/list` with the prompts whose tools the caller may all use."""
    require_first_page(incoming.params)
    prompts = allowed_prompts(server.catalogue, incoming.caller.allowed_tools)
    return {"prompts": [describe_prompt(prompt) for prompt in prompts]}


async def get_prompt(server: Server, incoming: Incoming) -> Members:
    """Answer `prompts/get`, asking for missing arguments if the client supports that.

    Raises:
        RpcError: `-32602` if the prompt does not exist or an argument is missing.
        InputRequired: as for `Conversation.ask`.
    """
    prompt = _find_prompt(server, incoming, incoming.params.get("name"))
    given = incoming.params.get("arguments")
    given = {} if given is None else given
    if not isinstance(given, dict) or not all(isinstance(text, str) for text in given.values()):
        raise RpcError(INVALID_PARAMS, "params.arguments must be an object of strings")
    if missing := missing_arguments(prompt, given):
        given = given | await _ask(incoming, prompt, missing)
    return write_prompt(prompt, given, server.catalogue.resources)


async def list_resources(server: Server, incoming: Incoming) -> Members:
    """Answer `resources/list` with the resources, and the skills that the caller sees."""
    require_first_page(incoming.params)
    resources = [*server.catalogue.resources.values()]
    resources += [skill_resource(skill) for skill in server.skills_for(incoming.caller)]
    return {"resources": [describe_resource(resource) for resource in resources]}


async def list_templates(server: Server, incoming: Incoming) -> Members:
    """Answer `resources/templates/list` with the templates whose tool the caller may use."""
    require_first_page(incoming.params)
    templates = allowed_templates(server.catalogue, incoming.caller.allowed_tools)
    return {"resourceTemplates": [describe_template(template) for template in templates]}


async def read_resource(server: Server, incoming: Incoming) -> Members:
    """Answer `resources/read`; reading through a tool is an ordinary call of that tool.

    Raises:
        RpcError: `-32602` if the caller can't read the URI; `UPSTREAM_FAILED` if the tool failed.
        ScopeMissing, RateLimited: as for `call_tool`.
    """
    uri = read_uri(incoming.params)
    if (resource := find_resource(server.catalogue, uri)) is not None:
        return {"contents": [write_contents(resource)]}
    for skill in server.skills_for(incoming.caller):
        if skill.uri == uri:
            return {"contents": [write_contents(skill_resource(skill))]}
    allowed = incoming.caller.allowed_tools
    if (tool := find_app(server.catalogue, allowed, uri)) is not None:
        return {"contents": [write_app(server.catalogue, allowed, tool, uri)]}
    for template in allowed_templates(server.catalogue, allowed):
        if (arguments := template.match(uri)) is not None:
            return await _read_by_tool(server, incoming, template, arguments, uri)
    raise ResourceMissing(uri)


def read_uri(params: Mapping[str, Any]) -> str:
    """Read the URI of a resource.

    Raises:
        RpcError: `-32602` if it is not one.
    """
    uri = params.get("uri")
    if not isinstance(uri, str) or len(uri) > LONGEST_URI:
        said = f"params.uri must be a string of at most {LONGEST_URI:,} characters"
        raise RpcError(INVALID_PARAMS, said)
    return uri


async def list_skills(server: Server, incoming: Incoming) -> Members:
    """Answer `skills/list` with the skills whose tools the caller may all use.

    Raises:
        RpcError: `-32601` if the gateway serves no skills.
    """
    _require_skills(server, incoming)
    require_first_page(incoming.params)
    return {"skills": [describe_skill(skill) for skill in server.skills_for(incoming.caller)]}


async def get_skill(server: Server, incoming: Incoming) -> Members:
    """Answer `skills/get`.

    Raises:
        RpcError: `-32601` if the gateway serves no skills, `-32602` if the caller sees no such skill.
    """
    _require_skills(server, incoming)
    uri = incoming.params.get("uri")
    for skill in server.skills_for(incoming.caller):
        if skill.uri == uri:
            return {"skill": describe_skill(skill)}
    shown = uri[:512] if isinstance(uri, str) else "params.uri"
    raise RpcError(INVALID_PARAMS, f"No skill is served at {shown}")


async def complete(server: Server, incoming: Incoming) -> Members:
    """Answer `completion/complete` for an argument of a prompt or of a template's URI."""
    params = incoming.params
    ref, argument = params.get("ref"), params.get("argument")
    if not isinstance(ref, dict) or not isinstance(argument, dict):
        raise RpcError(INVALID_PARAMS, "params.ref and params.argument must be objects")
    name, typed = argument.get("name"), argument.get("value")
    if not isinstance(name, str) or not isinstance(typed, str):
        raise RpcError(INVALID_PARAMS, "params.argument must have a name and a value, both strings")
    caller = incoming.caller
    of: Prompt | McpResourceTemplate | None
    if ref.get("type") == "ref/resource":
        templates = allowed_templates(server.catalogue, caller.allowed_tools)
        of = next((one for one in templates if one.uri_template == ref.get("uri")), None)
    elif ref.get("type") == "ref/prompt":
        of = _find_prompt(server, incoming, ref.get("name"))
    else:
        raise RpcError(INVALID_PARAMS, "params.ref.type must be ref/prompt or ref/resource")
    source = () if of is None else find_source(server.catalogue, of, name)
    if isinstance(source, ListedValues):
        read = partial(_read_list, server, incoming)
        found = await server.completions.list_values(source, caller, server.catalogue, read)
    else:
        found = Completable(tuple(source))
    return {"completion": complete_typed(found, typed)}


async def _read_list(server: Server, incoming: Incoming, tool: str) -> Page | None:
    """Return a tool's answer, an ordinary call of the caller that asks nobody; None if it failed."""
    quiet = incoming._replace(conversation=Silent(incoming.conversation.era))
    try:
        result = await call_tool(server, quiet, tool, {})
    except CallRefused:
        return None
    if result.is_error or not result.content:
        return None
    # What was cut, and the next page, is told in another block.
    return Page(str(result.content[0].get("text", "")), whole=len(result.content) == 1)


def _require_skills(server: Server, incoming: Incoming) -> None:
    if not server.has_skills:
        raise RpcError(METHOD_NOT_FOUND, f"Method not found: {incoming.method}")


def _find_prompt(server: Server, incoming: Incoming, name: object) -> Prompt:
    if not isinstance(name, str):
        raise RpcError(INVALID_PARAMS, "a prompt's name must be a string")
    for prompt in allowed_prompts(server.catalogue, incoming.caller.allowed_tools):
        if prompt.name == name:
            return prompt
    raise RpcError(INVALID_PARAMS, f"Unknown prompt: {name[:128]}")


async def _ask(incoming: Incoming, prompt: Prompt, missing: list[PromptArgument]) -> dict[str, str]:
    names = ", ".join(argument.name for argument in missing)
    asked = ask_arguments(prompt.title, missing)
    try:
        answers = await incoming.conversation.ask([asked])
        filled = read_form(answers[asked.key])
    except (CannotAsk, NobodyAnswered, Declined, BadAnswer):
        filled = {}
    except AnswerRefused as problem:
        raise RpcError(INVALID_PARAMS, str(problem)) from None
    values = {argument.name: filled.get(argument.name) for argument in missing}
    if not all(isinstance(value, str) for value in values.values()):
        raise RpcError(INVALID_PARAMS, f"params.arguments lacks {names}")
    return {name: str(value) for name, value in values.items()}


async def _read_by_tool(
    server: Server,
    incoming: Incoming,
    template: McpResourceTemplate,
    arguments: dict[str, str],
    uri: str,
) -> Members:
    try:
        result = await call_tool(server, incoming, template.tool, arguments)
    except UnknownTool:
        raise ResourceMissing(uri) from None
    except (AnswerRefused, CannotAsk, NobodyAnswered, InputRequired) as refusal:
        raise RpcError(INVALID_PARAMS, str(refusal), {"uri": uri}) from None
    if result.status == 404:
        raise ResourceMissing(uri)
    if result.is_error:
        text = " ".join(str(block.get("text", "")) for block in result.content)
        raise RpcError(UPSTREAM_FAILED, text, {"uri": uri})
    return {"contents": [write_block(uri, block) for block in result.content]}
