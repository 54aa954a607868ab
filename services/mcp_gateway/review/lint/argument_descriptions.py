"""Arguments must be described, since a model can't see the labels of a form."""

from collections.abc import Iterator

from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.review.lint.finding import Finding, ReviewedManifest

_MOST_NAMED = 5


def argument_descriptions(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Report arguments without a description, an enum, or a reference to a schema that has one."""
    for name, tool in reviewed.catalogue.tools.items():
        defs = tool.input_schema.get("$defs", {})
        bare = [
            argument
            for argument, schema in tool.input_schema["properties"].items()
            if not _says_something(schema, defs)
        ]
        if bare:
            more = f" and {len(bare) - _MOST_NAMED} more" if len(bare) > _MOST_NAMED else ""
            yield Finding(
                name,
                "warning",
                f"arguments without a description: {', '.join(bare[:_MOST_NAMED])}{more}",
                _place(reviewed, tool),
            )


def _place(reviewed: ReviewedManifest, tool: Tool) -> str:
    if tool.composite is not None:
        return "describe them under `input`"
    if reviewed.document.is_mcp:
        return "describe them in the MCP server, and import its list again"
    return "describe them in the OpenAPI document"


def _says_something(schema: object, defs: dict[str, object]) -> bool:
    if not isinstance(schema, dict):
        return False
    if "$ref" in schema and _says_something(defs.get(schema["$ref"].rpartition("/")[2]), {}):
        return True
    return any(schema.get(word) for word in ("description", "enum", "const", "examples", "title"))
