"""Clients compare the server card with the server, so it must not be an old one."""

from collections.abc import Iterator

import orjson

from mcp_gateway.directories.published import CARD
from mcp_gateway.publishing.documents import write_card
from mcp_gateway.publishing.finding import Finding, Submission


def current_card(submission: Submission) -> Iterator[Finding]:
    """Report a published server card that differs from what would be written now."""
    if not submission.documents[CARD] or submission.published is None:
        return
    try:
        card = orjson.loads((submission.published / CARD).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        card = None
    if card != write_card(submission):
        yield Finding(
            rule="current_card",
            place=f"gatepost.yaml: mcp_gateway.published: {CARD}",
            message="the card differs from what the listing and the settings say now",
            fix="run `gatepost publish --write` again and restart the gateway",
        )
