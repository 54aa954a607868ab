"""Find tools by words: BM25 over names, titles, toolsets, arguments and descriptions.

Deterministic and without dependencies: the same tools and words always give the same order.
Source: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009), §3.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mcp_gateway.catalogue.tool import Tool

_SATURATION = 1.2
_LENGTH = 0.5
# The weight of a word by where it occurs: a name says more than a sentence in a description.
_WEIGHTS = {"name": 4, "title": 3, "toolsets": 2, "arguments": 1, "description": 1}
_COMMON = frozenset(
    """a all an and are as at be by can for from get has have how i in is it its me my of on or our
    please show that the their this to use want was what which who will with you
    your""".split()  # noqa: SIM905 - read as words
)


# Synonyms of the verbs in tool names; a synonym counts half as much as the word itself.
_VERBS = {
    **dict.fromkeys(["add", "make", "new", "open", "start"], "create"),
    **dict.fromkeys(["cancel", "destroy", "drop", "erase", "remove"], "delete"),
    **dict.fromkeys(["change", "edit", "modify", "rename", "set"], "update"),
    **dict.fromkeys(["fetch", "look", "read", "see", "view"], "get"),
    **dict.fromkeys(["find", "query"], "search"),
}
_MEANT = 0.5
_MOST_WORDS = 16
"""Words of a query that count, each of which is looked up in every tool."""


@dataclass(frozen=True, slots=True)
class _Entry:
    tool: Tool
    words: Counter[str]
    length: int


class SearchIndex:
    """Ranks tools by how well they match some words."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        """Index every tool once."""
        self._entries = tuple(_read(tool) for tool in tools)
        self._in: Counter[str] = Counter()
        for entry in self._entries:
            self._in.update(entry.words.keys())
        total = sum(entry.length for entry in self._entries)
        self._average = total / len(self._entries) if self._entries else 1.0

    def search(self, words: str, may_see: Callable[[Tool], bool], most: int) -> list[Tool]:
        """Return the tools that match best, best first; ties are sorted by name.

        Args:
            words: the query, in plain words.
            may_see: tells whether the caller may see a tool.
            most: the most tools to return.
        """
        wanted = list(dict.fromkeys(_words(words)))
        telling = ([word for word in wanted if word not in _COMMON] or wanted)[:_MOST_WORDS]
        weights = dict.fromkeys(telling, 1.0)
        for word in telling:
            if word in _VERBS:
                weights.setdefault(_VERBS[word], _MEANT)
        scored = [
            (-score, entry.tool.name, entry.tool)
            for entry in self._entries
            if may_see(entry.tool) and (score := self._score(entry, weights)) > 0
        ]
        scored.sort(key=lambda item: item[:2])
        return [tool for _, _, tool in scored[:most]]

    def _score(self, entry: _Entry, wanted: dict[str, float]) -> float:
        score = 0.0
        for word, weight in wanted.items():
            count = entry.words[word]
            if count:
                rare = math.log(
                    1 + (len(self._entries) - self._in[word] + 0.5) / (self._in[word] + 0.5)
                )
                length = 1 - _LENGTH + _LENGTH * entry.length / self._average
                score += weight * rare * count * (_SATURATION + 1) / (count + _SATURATION * length)
        return score


def _read(tool: Tool) -> _Entry:
    texts = {
        "name": tool.name,
        "title": tool.title,
        "toolsets": " ".join(tool.toolsets),
        # Every tool has the argument for the purpose, so its name tells nothing.
        "arguments": " ".join(
            name for name in tool.input_schema.get("properties", ()) if name != tool.purpose
        ),
        "description": tool.description,
    }
    words: Counter[str] = Counter()
    for place, text in texts.items():
        for word in _words(text):
            words[word] += _WEIGHTS[place]
    return _Entry(tool, words, sum(words.values()))


def _words(text: str) -> list[str]:
    """Split a text into lower-case words, with plurals reduced to the singular."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text[:20_000])
    return [_stem(word) for word in re.findall(r"[^\W_]+", spaced.lower())]


def _stem(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
