"""The words of a tool's name, so that names for one action can be told to be alike."""

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SAME = {
    "add": "create",
    "change": "update",
    "edit": "update",
    "fetch": "get",
    "find": "list",
    "insert": "create",
    "make": "create",
    "modify": "update",
    "new": "create",
    "patch": "update",
    "read": "get",
    "remove": "delete",
    "retrieve": "get",
    "search": "list",
    "set": "update",
    "show": "get",
    "view": "get",
}
"""Verbs by which APIs and models call the same action."""
_SMALL = frozenset({"a", "all", "an", "by", "for", "from", "in", "my", "of", "the", "to"})
ALIKE = 0.5
"""From this likeness on, two names may mean the same tool."""


def split_words(name: str) -> frozenset[str]:
    """Split a name such as `listTasks` or `search_task` into its words.

    Words that say little are left out, plurals become singular, and verbs for one action become one.
    """
    words = (word.lower() for word in _WORD.findall(name))
    return frozenset(_SAME.get(_singular(word), _singular(word)) for word in words) - _SMALL


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of words that two names have in common, from 0 to 1."""
    return len(one & other) / len(one | other) if one and other else 0.0


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return word[:-1]
    return word
