"""Clients cut or refuse long names, and directories refuse names that advertise."""

import re
from collections.abc import Iterator

from mcp_gateway.publishing.finding import Finding, Submission

_LONGEST = 64
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+")
_ADVERTISING = frozenset(["best", "better", "fastest", "official", "recommended"])


def tool_names(submission: Submission) -> Iterator[Finding]:
    """Report names that are too long, compare or advertise, and titles that are empty."""
    for name, tool in submission.catalogue.tools.items():
        place, fix = submission.entry(name, "name"), "serve it under another name"
        if len(name) > _LONGEST:
            message = f"the name has {len(name)} characters, at most {_LONGEST} are allowed"
            yield Finding(rule="tool_names", place=place, message=message, fix=fix)
        words = [word.lower() for word in _WORD.findall(name)]
        for word in words:
            if word in _ADVERTISING:
                message = f"the word {word} compares or advertises"
                yield Finding(rule="tool_names", place=place, message=message, fix=fix)
        if not tool.title.strip():
            yield Finding(
                rule="tool_names",
                place=submission.entry(name, "title"),
                message="the tool has no title",
                fix="set `title`",
            )
