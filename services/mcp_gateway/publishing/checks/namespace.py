"""The server's name belongs to a domain that the publisher can prove."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from mcp_gateway.publishing.finding import Finding, Submission

_NAME = re.compile(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+")


def namespace(submission: Submission) -> Iterator[Finding]:
    """Report a name that is not in reverse-DNS form, or of another domain than the gateway's."""
    listing, host = submission.listing, urlsplit(submission.resource).hostname or ""
    if not _NAME.fullmatch(listing.name):
        yield from server_name(submission)
    elif listing.namespace.startswith("io.github."):
        return  # proven by an account there
    elif host != listing.domain and not host.endswith(f".{listing.domain}"):
        yield _finding(submission, f"the gateway at {host} does not belong to {listing.domain}")


def server_name(submission: Submission) -> Iterator[Finding]:
    """Report a name that is not in reverse-DNS form with one slash."""
    name = submission.listing.name
    if not _NAME.fullmatch(name):
        yield _finding(submission, f"{name} is not in reverse-DNS form with one slash")


def _finding(submission: Submission, message: str) -> Finding:
    host = urlsplit(submission.resource).hostname or "example.com"
    return Finding(
        rule="namespace",
        place=submission.at("name"),
        message=message,
        fix=f"write it as {'.'.join(reversed(host.split('.')))}/NAME",
    )
