"""List resources and write their contents (MCP resources)."""

from collections.abc import Iterator
from typing import Any

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.resources import McpResource, McpResourceTemplate
from mcp_gateway.catalogue.tool import publish_icons


def describe_resource(resource: McpResource) -> dict[str, Any]:
    """Describe a resource, in the form of every protocol revision."""
    return {
        **_describe(resource),
        "uri": resource.uri,
        "mimeType": resource.mime_type,
    }


def describe_template(template: McpResourceTemplate) -> dict[str, Any]:
    """Describe a template, in the form of every protocol revision."""
    return {**_describe(template), "uriTemplate": template.uri_template}


def find_resource(catalogue: Catalogue, uri: str) -> McpResource | None:
    """Find a resource by its URI."""
    return next((one for one in catalogue.resources.values() if one.uri == uri), None)


def allowed_templates(
    catalogue: Catalogue, allowed: frozenset[str]
) -> Iterator[McpResourceTemplate]:
    """Yield the templates whose tool is allowed, in order."""
    for template in catalogue.templates.values():
        if template.tool in catalogue.usable(allowed):
            yield template


def write_contents(resource: McpResource) -> dict[str, Any]:
    """Write a resource as contents of `resources/read`, or of a prompt that it is attached to."""
    content = {"blob": resource.blob} if resource.blob else {"text": resource.text}
    return {"uri": resource.uri, "mimeType": resource.mime_type, **content}


def write_block(uri: str, block: dict[str, Any]) -> dict[str, Any]:
    """Write a block of a tool's result as contents of `resources/read`."""
    if block["type"] == "text":
        return {"uri": uri, "text": block["text"]}
    if block["type"] == "resource":
        return {**block["resource"], "uri": uri}
    return {"uri": uri, "mimeType": block["mimeType"], "blob": block["data"]}


def _describe(named: McpResource | McpResourceTemplate) -> dict[str, Any]:
    described = {"name": named.name, "title": named.title, **publish_icons(named.icons)}
    return {**described, "description": named.description} if named.description else described
