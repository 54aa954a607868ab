"""One tool must not both read and change: clients ask people by tool."""

from collections.abc import Iterator

from mcp_gateway.catalogue.meta_tools import EXECUTE
from mcp_gateway.publishing.finding import Finding, Submission


def mixed_tools(submission: Submission) -> Iterator[Finding]:
    """Report the tool that calls any other tool, which large catalogues are listed with."""
    catalogue = submission.catalogue
    if not catalogue.tools:
        yield Finding(
            rule="mixed_tools",
            place=f"{submission.manifest.path.name}: tools",
            message="no tool is exposed",
            fix="expose the tools that you publish",
        )
    if catalogue.search_above is not None and len(catalogue.tools) > catalogue.search_above:
        yield Finding(
            rule="mixed_tools",
            place=f"{submission.manifest.path.name}: search_above",
            message=f"connections with more than {catalogue.search_above} tools get {EXECUTE}, which both "
            "reads and changes",
            fix=f"expose fewer tools, or raise search_above to {len(catalogue.tools)}",
        )
