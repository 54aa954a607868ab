"""Entries that are not exposed still name operations that exist."""

from collections.abc import Iterator

from mcp_gateway.openapi.document import UnknownOperation
from mcp_gateway.review.lint.finding import Finding, ReviewedManifest


def stale_entries(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Point at unexposed entries whose operation the document doesn't have any more."""
    for entry in reviewed.manifest.tools:
        # A name that was replaced stays, so that its history is known.
        if entry.expose or entry.graphql is not None or entry.lifecycle.replaced_by is not None:
            continue
        try:
            reviewed.document.find(entry.operation)
        except UnknownOperation:
            message = f"the document has no {entry.operation}"
            yield Finding(entry.name, "warning", message, "delete the entry")
