"""After a directory approved a tool list, each change waits for the operator."""

from collections.abc import Iterator

from mcp_gateway.directories.approved import find_drift
from mcp_gateway.publishing.finding import Check, Finding, Submission


def approved_list(directory: str) -> Check:
    """Report every tool that differs from what the directory approved or the operator acknowledged."""

    def check(submission: Submission) -> Iterator[Finding]:
        approvals = [one for one in submission.approvals if one.directory == directory]
        for drift in find_drift(submission.catalogue, approvals):
            yield Finding(
                rule="approved_list",
                place=submission.entry(drift.tool, drift.change),
                message=drift.describe(),
                fix=f"take it back, or submit it again and run `gatepost publish --acknowledge {directory}`",
            )

    return check
