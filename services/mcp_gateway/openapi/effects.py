"""Tell from an operation's words whether it destroys something or only reads.

The method says it for most operations. Many APIs use POST for everything, and name the effect in the
operation's id, path and summary.
"""

import re

from mcp_gateway.openapi.document import FoundOperation
from mcp_gateway.openapi.naming import VERBS, split_words

_DESTROYING = frozenset(
    """ban cancel delete deprovision deregister destroy discard drop erase evict expunge kick kill
    purge remove revoke terminate trash truncate uninstall unregister void wipe""".split()  # noqa: SIM905 - read as words
)
_READING = frozenset(
    """count describe fetch find get list lookup query read retrieve return search show
    view""".split()  # noqa: SIM905 - read as words
)
_CHANGING = (VERBS | _DESTROYING) - _READING


def destroys(found: FoundOperation) -> bool:
    """Tell whether the operation's changes probably can't be undone.

    The document decides with `destructive` in its `x-mcp` extension; else the method or a word does.
    """
    extension = found.node.get("x-mcp")
    said = extension.get("destructive") if isinstance(extension, dict) else None
    if isinstance(said, bool):
        return said
    words = {*split_words(found.operation_id or ""), *_last_segment(found)}
    words |= {_base_form(word) for word in split_words(found.summary)[:2]}
    return found.method == "DELETE" or not words.isdisjoint(_DESTROYING)


def only_reads(found: FoundOperation) -> bool:
    """Tell whether a POST only reads: its path and its summary both say so, and nothing else."""
    if found.method != "POST":
        return False
    path, said = _last_segment(found), split_words(found.summary or found.description)
    if not said:
        said = split_words(found.operation_id or "")
        said = said[-1:] if said and said[0] not in _READING else said
    changes = {*path, *split_words(found.summary), *split_words(found.operation_id or "")}
    return (
        bool(path and said)
        and not {path[0], path[-1]}.isdisjoint(_READING)
        and _base_form(said[0]) in _READING
        and changes.isdisjoint(_CHANGING)
    )


def _last_segment(found: FoundOperation) -> list[str]:
    """Return the words of the path's last segment that is not a parameter."""
    segments = found.path.partition("?")[0].split("/")
    fixed = [re.sub(r"\{[^{}]*\}", " ", segment) for segment in segments]
    return next((words for part in reversed(fixed) if (words := split_words(part))), [])


def _base_form(word: str) -> str:
    """Return the verb of a third person: `lists` is `list`, and `searches` is `search`."""
    for ending in ("es", "s"):
        if word.endswith(ending) and word.removesuffix(ending) in _CHANGING | _READING:
            return word.removesuffix(ending)
    return word
