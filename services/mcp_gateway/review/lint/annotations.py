"""Annotations must be honest, since clients decide by them whether to ask a person."""

from collections.abc import Iterator

from mcp_gateway.openapi.document import SAFE_METHODS
from mcp_gateway.review.lint.finding import Finding, ReviewedManifest


def annotations(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Report overrides that make a tool look more harmless than its method."""
    for name, tool in reviewed.catalogue.tools.items():
        method = tool.operation.method
        if tool.graphql is not None:
            if tool.read_only and not tool.graphql.read_only:
                yield Finding(
                    name, "error", "a mutation is marked as read-only", "remove read_only"
                )
            continue
        if tool.composite is not None:
            continue  # its effects follow from its calls
        if tool.read_only and method in {"PUT", "PATCH", "DELETE"}:
            message = f"{method} is marked as read-only, so consent to @read allows it"
            yield Finding(name, "error", message, "remove `read_only: true`")
        elif tool.read_only and method not in SAFE_METHODS:
            message = f"{method} is marked as read-only; consent to @read allows it"
            yield Finding(name, "warning", message, "make sure that it changes nothing")
        elif method == "DELETE" and not tool.destructive:
            message = "DELETE is marked as not destructive"
            yield Finding(name, "warning", message, "make sure that it can be undone")
