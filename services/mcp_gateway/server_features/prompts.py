"""List prompts and fill them in (MCP prompts)."""

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.prompts import Prompt, PromptArgument
from mcp_gateway.catalogue.resources import McpResource
from mcp_gateway.catalogue.tool import publish_icons
from mcp_gateway.server_features.resources import write_contents


def allowed_prompts(catalogue: Catalogue, allowed: frozenset[str]) -> Iterator[Prompt]:
    """Yield the prompts whose tools are all allowed, in order."""
    for prompt in catalogue.prompts.values():
        if catalogue.usable(allowed).issuperset(prompt.tools):
            yield prompt


def describe_prompt(prompt: Prompt) -> dict[str, Any]:
    """Describe a prompt, in the form of every protocol revision."""
    described: dict[str, Any] = {
        "name": prompt.name,
        "title": prompt.title,
        "description": prompt.description or prompt.title,
        **publish_icons(prompt.icons),
    }
    if prompt.arguments:
        described["arguments"] = [_describe_argument(argument) for argument in prompt.arguments]
    return described


def missing_arguments(prompt: Prompt, given: Mapping[str, str]) -> list[PromptArgument]:
    """Return the required arguments that are missing."""
    return [one for one in prompt.arguments if one.required and one.name not in given]


def write_prompt(
    prompt: Prompt, given: Mapping[str, str], resources: Mapping[str, McpResource]
) -> dict[str, Any]:
    """Write the messages: the attached resources, then the text."""
    blocks = [_attach(resources[name]) for name in prompt.attach]
    blocks.append({"type": "text", "text": prompt.fill(given)})
    return {
        "description": prompt.description or prompt.title,
        "messages": [{"role": "user", "content": block} for block in blocks],
    }


def _attach(resource: McpResource) -> dict[str, Any]:
    if resource.blob and resource.mime_type.startswith("image/"):
        return {"type": "image", "data": resource.blob, "mimeType": resource.mime_type}
    return {"type": "resource", "resource": write_contents(resource)}


def _describe_argument(argument: PromptArgument) -> dict[str, Any]:
    described: dict[str, Any] = {"name": argument.name, "required": argument.required}
    if argument.description:
        described["description"] = argument.description
    return described
