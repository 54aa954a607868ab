"""No tool asks for a password: what a model is told, it may repeat."""

from collections.abc import Iterator

from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.review.lint.finding import Finding, ReviewedManifest
from mcp_gateway.schemas.passwords import find_password


def passwords(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Refuse tools with an argument that is a password."""
    for name, tool in reviewed.catalogue.tools.items():
        password = asks_for_password(tool)
        if password is not None:
            message = f"the argument {password} is a password"
            yield Finding(name, "error", message, "set `expose: false`")


def asks_for_password(tool: Tool) -> str | None:
    """Name the argument of a tool that is, or holds, a password; None where it asks for none.

    A schema that was cut to its budget may not show it any more: the operation still knows.
    """
    hidden = sorted(tool.operation.secrets - tool.bindings.keys())
    return find_password(tool.input_schema) or (hidden[0] if hidden else None)
