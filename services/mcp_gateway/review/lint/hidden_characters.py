"""Names and values must be what they look like, since a model and the API get them exactly.

Texts for people and models lose their hidden characters when they are loaded. Names and values must
stay as they are, or the API would not know them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from gatepost.text.hidden import HIDDEN, write_line
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.results.fields import format_field
from mcp_gateway.review.lint.finding import Finding, ReviewedManifest

_MOST_NAMED = 3


def hidden_characters(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Report names, values and fields with characters that nobody sees."""
    for name, tool in reviewed.catalogue.tools.items():
        found = list(dict.fromkeys(text for text in _exact_texts(tool) if HIDDEN.search(text)))
        if found:
            more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
            shown = ", ".join(f'"{write_line(text)}"' for text in found[:_MOST_NAMED])
            message = f"a name or value has hidden characters: {shown}{more}"
            fix = "remove them from the document or the manifest, or set `expose: false`"
            yield Finding(name, "error", message, fix)


def _exact_texts(tool: Tool) -> Iterator[str]:
    """Walk through the texts that are compared or sent exactly."""
    operation = tool.operation
    yield operation.path
    for parameter in operation.parameters:
        yield parameter.name
    yield from operation.renamed.values()
    if operation.body is not None:
        yield from operation.body.properties.values()
    for field in (*tool.shape.fields, *tool.shape.redact, *(check.field for check in tool.checks)):
        yield format_field(field)
    yield from _texts(tool.input_schema)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield name
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
