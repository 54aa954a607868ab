"""No tool asks for a password: what a model is told, it may repeat."""

from collections.abc import Iterator

from mcp_gateway.catalogue.tool import asks_for_password
from mcp_gateway.review.lint.finding import Finding, Reviewed


def passwords(reviewed: Reviewed) -> Iterator[Finding]:
    """Refuse tools with an argument that is a password."""
    for name, tool in reviewed.catalogue.tools.items():
        password = asks_for_password(tool)
        if password is not None:
            message = f"the argument {password} is a password"
            yield Finding(name, "error", message, "set `expose: false`")
