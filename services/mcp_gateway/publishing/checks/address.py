"""A directory's people and programs must reach the server."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from mcp_gateway.publishing.finding import Finding, Submission
from mcp_gateway.publishing.hosts import is_public_host


def address(submission: Submission) -> Iterator[Finding]:
    """Report a resource that is not https at a public host."""
    parts = urlsplit(submission.resource)
    place, fix = "gatepost.yaml: mcp_gateway.resource", "publish the gateway at an https URL"
    if parts.scheme != "https":
        yield Finding(rule="address", place=place, message=f"{parts.scheme} is not https", fix=fix)
    if not is_public_host(parts.hostname or ""):
        message = f"{parts.hostname} can't be reached from the internet"
        yield Finding(rule="address", place=place, message=message, fix=fix)
