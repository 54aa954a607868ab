"""Names and texts of the listing, and their greatest lengths."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from gatepost.text.hidden import HIDDEN, escape_text
from mcp_gateway.publishing.finding import Check, Finding, Submission

_RANGE = re.compile(r"[\^~<>=|*]|\s|(?:^|\.)[xX](?:\.|$)|^latest$")
_SELLING = re.compile(r"\b(?:MCP(?: Server)?|Plugin|Connector)$", re.IGNORECASE)
CATEGORIES = frozenset(
    """BUSINESS COLLABORATION DESIGN DEVELOPER_TOOLS EDUCATION ENTERTAINMENT FINANCE FOOD LIFESTYLE
    NEWS PRODUCTIVITY SHOPPING TRAVEL""".split()  # noqa: SIM905 - read as words
)


class Lengths(NamedTuple):
    """Key of the listing to the most characters."""

    required: Mapping[str, int]
    category: bool = False


CLAUDE = Lengths({"title": 64, "description": 100, "about": 2000, "company": 200, "contact": 200})
OPENAI = Lengths(
    {"title": 30, "subtitle": 30, "about": 4000, "company": 80, "contact": 200}, category=True
)
REGISTRY = Lengths({"name": 200, "title": 100, "description": 100, "version": 255})


def texts(lengths: Lengths) -> Check:
    """Report texts that are missing, too long or hide something, versions that are ranges, and unknown categories."""

    def check(submission: Submission) -> Iterator[Finding]:
        listing = submission.listing
        for key, most in lengths.required.items():
            text = getattr(listing, key)
            if not text.strip():
                yield _finding(submission, key, "missing", f"write at most {most} characters")
            elif len(text) > most:
                message = f"{len(text)} characters, at most {most} are allowed"
                yield _finding(submission, key, message, "shorten it")
        for key, value in listing:
            if isinstance(value, str) and (hidden := HIDDEN.search(value)):
                message = f"contains the hidden character {escape_text(hidden[0][0])}"
                yield _finding(submission, key, message, "remove it")
        if not listing.version.isascii():
            yield _finding(
                submission, "version", "is not ASCII", "write one version, such as 1.0.0"
            )
        if _RANGE.search(listing.version):
            message = f"{listing.version} is a range of versions"
            yield _finding(submission, "version", message, "write one version, such as 1.0.0")
        if _SELLING.search(listing.title.strip()):
            message = f"{listing.title} ends with what it is instead of a name"
            yield _finding(submission, "title", message, "write the product's name alone")
        if lengths.category and listing.category not in CATEGORIES:
            message = f"{listing.category or 'nothing'} is not a category"
            fix = f"choose one of {', '.join(sorted(CATEGORIES))}"
            yield _finding(submission, "category", message, fix)

    return check


def _finding(submission: Submission, key: str, message: str, fix: str) -> Finding:
    return Finding(rule="texts", place=submission.at(key), message=message, fix=fix)
