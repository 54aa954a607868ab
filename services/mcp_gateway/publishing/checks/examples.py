"""Reviewers try prompts, and see whether the right tools are called."""

from collections.abc import Iterator

from mcp_gateway.publishing.finding import Check, Finding, Submission


def examples(*, positive: int, negative: int = 0) -> Check:
    """Report too few examples, and examples with unknown tools or nothing to expect."""

    def check(submission: Submission) -> Iterator[Finding]:
        listing, known = submission.listing, submission.catalogue.tools
        kinds = (
            ("examples", [one for one in listing.examples if one.tools], positive),
            ("negative_examples", list(listing.negative_examples), negative),
        )
        for key, given, least in kinds:
            if len(given) < least:
                message = f"{len(given)} of at least {least}"
                yield _finding(submission, key, message, "add prompts that people would write")
        for number, one in enumerate(listing.examples):
            place = f"examples[{number}]"
            for tool in one.tools:
                if tool not in known:
                    yield _finding(
                        submission, f"{place}.tools", f"{tool} is not exposed", "remove it"
                    )
            if not one.expected.strip():
                fix = "say what the person gets"
                yield _finding(submission, f"{place}.expected", "missing", fix)

    return check


def _finding(submission: Submission, key: str, message: str, fix: str) -> Finding:
    return Finding(rule="examples", place=submission.at(key), message=message, fix=fix)
