"""The server's name belongs to a domain that the publisher can prove."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from mcp_gateway.publishing.finding import Finding, Submission

_NAME = re.compile(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+")


def namespace(submission: Submission) -> Iterator[Finding]:
    """Report a name that is not in reverse-DNS form, or of another domain than the gateway's."""
    listing, place = submission.listing, submission.at("name")
    host = urlsplit(submission.resource).hostname or ""
    example = ".".join(reversed(host.split(".")))
    fix = f"write it as {example}/NAME"
    if not _NAME.fullmatch(listing.name):
        message = f"{listing.name} is not in reverse-DNS form with one slash"
        yield Finding(rule="namespace", place=place, message=message, fix=fix)
    elif listing.namespace.startswith("io.github."):
        return  # proven by an account there
    elif host != listing.domain and not host.endswith(f".{listing.domain}"):
        message = f"the gateway at {host} does not belong to {listing.domain}"
        yield Finding(rule="namespace", place=place, message=message, fix=fix)
