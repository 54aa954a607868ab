"""Lists should be paginated, or one may fill a model's whole context."""

from collections.abc import Iterator

from mcp_gateway.review.lint.finding import Finding, ReviewedManifest

_LISTS = ("list_", "search_", "find_", "query_")


def pagination(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Report lists without known pagination arguments."""
    for name, tool in reviewed.catalogue.tools.items():
        paged = tool.shape.paging is not None or tool.operation.pagination is not None
        if tool.read_only and name.startswith(_LISTS) and not paged:
            yield Finding(
                name,
                "warning",
                "it is a list without a known pagination argument",
                "add pagination to the API, or name its arguments under `shape.paging`",
            )
