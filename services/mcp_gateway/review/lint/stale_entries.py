"""Unexposed entries should still name operations that exist."""

from collections.abc import Iterator

from mcp_gateway.openapi.document import UnknownOperation
from mcp_gateway.review.lint.finding import Finding, ReviewedManifest


def stale_entries(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Report unexposed entries whose operation is no longer in the document."""
    for entry in reviewed.manifest.tools:
        # An entry with a replacement stays, to record the history of its name.
        if entry.expose or not entry.operation or entry.lifecycle.replaced_by is not None:
            continue
        try:
            reviewed.document.find(entry.operation)
        except UnknownOperation:
            message = f"the document does not have {entry.operation}"
            yield Finding(entry.name, "warning", message, "delete the entry")
