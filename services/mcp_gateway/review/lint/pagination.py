"""Lists come in pages: one that doesn't may fill a model's whole context."""

from collections.abc import Iterator

from mcp_gateway.review.lint.finding import Finding, ReviewedManifest

_LISTS = ("list_", "search_", "find_", "query_")


def pagination(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Ask for arguments that page a list, or for the manifest to say which they are."""
    for name, tool in reviewed.catalogue.tools.items():
        paged = tool.shape.paging is not None or tool.operation.pagination is not None
        if tool.read_only and name.startswith(_LISTS) and not paged:
            yield Finding(
                name,
                "warning",
                "it lists, and no argument is known to page it",
                "add paging to the API, or say under `shape.paging` which arguments page it",
            )
