"""Make toolsets, which people allow together, from the tags of a document."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from mcp_gateway.openapi.document import FoundOperation
from mcp_gateway.openapi.words.english import split_words
from mcp_gateway.openapi.words.paths import path_segments

_LONGEST = 64
_FEWEST = 3
"""Operations that make a toolset of a part of their paths."""
_SAY_NOTHING = frozenset(
    """and api apis controller controllers default endpoint endpoints method methods operation
    operations resource resources service""".split()  # noqa: SIM905 - read as words
)
_VERSION = re.compile(r"v\d+\w*|(?:api)?\d{4,}")
_GIVEN = frozenset(["read", "write"])
"""Toolsets that the gateway adds by itself."""


def name_toolsets(operations: Iterable[FoundOperation]) -> dict[str, tuple[str, ...]]:
    """Map every operation's key to its toolsets.

    A tag that every operation has tells nothing. If no other is left, toolsets are the first parts of
    paths that several operations share.
    """
    operations = tuple(operations)
    tagged = _telling({found.key: _slugs(found.tags) for found in operations}, 1)
    if any(tagged.values()):
        return tagged
    return _telling({found.key: _slugs(path_segments(found)[:1]) for found in operations}, _FEWEST)


def _telling(named: Mapping[str, tuple[str, ...]], fewest: int) -> dict[str, tuple[str, ...]]:
    """Leave out what fewer operations have, and what all have."""
    times = Counter(slug for slugs in named.values() for slug in slugs)
    most = max(len(named) - 1, 1)
    return {
        key: tuple(slug for slug in slugs if fewest <= times[slug] <= most)
        for key, slugs in named.items()
    }


def _slugs(tags: Iterable[str]) -> tuple[str, ...]:
    slugs = (_slug(tag) for tag in tags)
    return tuple(dict.fromkeys(slug for slug in slugs if slug and slug not in _GIVEN))


def _slug(tag: str) -> str:
    """Return a tag's words in snake_case, without versions, and without `api` at its end."""
    words = [word for word in split_words(tag) if not _VERSION.fullmatch(word)]
    while words and words[-1] in _SAY_NOTHING:
        words.pop()
    return "_".join(words)[:_LONGEST].strip("_")
