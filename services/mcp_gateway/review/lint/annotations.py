"""Annotations are honest: clients decide by them whether a person is asked."""

from collections.abc import Iterator

from mcp_gateway.openapi.document import SAFE_METHODS
from mcp_gateway.review.lint.finding import Finding, ReviewedManifest


def annotations(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Ask about overrides that make a tool look more harmless than its method."""
    for name, tool in reviewed.catalogue.tools.items():
        method = tool.operation.method
        if tool.graphql is not None:
            if tool.read_only and not tool.graphql.read_only:
                yield Finding(
                    name, "error", "a mutation is said to only read", "take out read_only"
                )
            continue
        if tool.read_only and method in {"PUT", "PATCH", "DELETE"}:
            message = f"{method} is said to only read, so that consent to @read lets it through"
            yield Finding(name, "error", message, "take out `read_only: true`")
        elif tool.read_only and method not in SAFE_METHODS:
            message = f"{method} is said to only read; consent to @read lets it through"
            yield Finding(name, "warning", message, "make sure that it changes nothing")
        elif method == "DELETE" and not tool.destructive:
            message = "DELETE is said to destroy nothing"
            yield Finding(name, "warning", message, "make sure that it can be undone")
