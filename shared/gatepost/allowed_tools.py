"""The `allowed_tools` grammar: tool names, and toolsets written `@name`.

Absent or empty means none, never all.
"""

import re
from collections.abc import Collection, Iterable

TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ENTRY = re.compile(r"@?[a-zA-Z0-9_-]{1,64}")


class MalformedAllowedTools(ValueError):
    """An entry is neither a tool name nor `@toolset`."""


def parse_allowed_tools(entries: object) -> frozenset[str]:
    """Read the claim: a list of names and `@toolset` entries.

    Raises:
        MalformedAllowedTools: it is not a list of such strings.
    """
    if not isinstance(entries, list):
        raise MalformedAllowedTools("allowed_tools is not a list")
    for entry in entries:
        if not isinstance(entry, str) or not _ENTRY.fullmatch(entry):
            raise MalformedAllowedTools("allowed_tools holds an entry that names no tool")
    return frozenset(entries)


def allows(allowed: Collection[str], tool: str, toolsets: Iterable[str] = ()) -> bool:
    """Tell whether a tool, by its name or by one of its toolsets (without `@`), is allowed."""
    return tool in allowed or any(f"@{toolset}" in allowed for toolset in toolsets)
