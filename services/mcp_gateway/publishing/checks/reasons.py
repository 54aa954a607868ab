"""Reviewers ask why each annotation is right, and compare it with what the tool does."""

from collections.abc import Iterator

from mcp_gateway.publishing.finding import Check, Finding, Submission
from mcp_gateway.publishing.hints import justify


def reasons(*hints: str) -> Check:
    """Report annotations without a reason, where the request does not show them."""

    def check(submission: Submission) -> Iterator[Finding]:
        listing = submission.listing
        for name, tool in submission.catalogue.tools.items():
            said = justify(submission, name)
            for hint in hints:
                if not said[hint]:
                    value = str(bool(getattr(tool, hint))).lower()
                    yield Finding(
                        rule="reasons",
                        place=submission.at(f"reasons.{name}.{hint}"),
                        message=f"{hint} is {value}, which its requests don't show",
                        fix="say in one sentence why, or correct it in the manifest",
                    )
        for name in listing.reasons.keys() - submission.catalogue.tools.keys():
            yield Finding(
                rule="reasons",
                place=submission.at(f"reasons.{name}"),
                message="no such tool is exposed",
                fix="remove it",
            )

    return check
