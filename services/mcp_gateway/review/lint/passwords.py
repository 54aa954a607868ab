"""Tools must not ask for passwords, since a model may repeat them."""

from collections.abc import Iterator

from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.review.lint.finding import Finding, ReviewedManifest
from mcp_gateway.schemas.passwords import find_password


def passwords(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Report tools with an argument that is a password."""
    for name, tool in reviewed.catalogue.tools.items():
        password = asks_for_password(tool)
        if password is not None:
            message = f"the argument {password} is a password"
            yield Finding(name, "error", message, "set `expose: false`")


def asks_for_password(tool: Tool) -> str | None:
    """Return the argument of a tool that is, or contains, a password, or None.

    A schema that was cut to its budget may not show the password, but the operation still does.
    """
    hidden = sorted(tool.operation.secrets - tool.bindings.keys() - tool.fill.keys())
    return find_password(tool.input_schema) or (hidden[0] if hidden else None)
