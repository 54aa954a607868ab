"""Split names into words, and change nouns and verbs between their forms."""

import re
from collections.abc import Collection
from functools import lru_cache

_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])(?![A-Z]s(?![a-z]))")
_ONE_WORD = re.compile(
    r"OAuth|(?:My|No|Postgre)SQL|GraphQL|Git(?:Hub|Lab)|PayPal|YouTube|IPv(?=\d)"
)
_WORD = re.compile(r"[a-z0-9]+")
_WITHOUT_PLURAL = frozenset(
    """access address alias analysis analytics basis bonus bus business campus census chassis class
    cross dns focus gas https jwks kubernetes news progress sales sms status stripe success tls virus
    wireless""".split()  # noqa: SIM905 - read as words
)
"""Nouns that end like a plural and aren't one, or have the same form."""
_IRREGULAR = {
    "analyses": "analysis",
    "children": "child",
    "cookies": "cookie",
    "indices": "index",
    "movies": "movie",
    "people": "person",
    "series": "series",
    "species": "species",
}
_ONE_THING = frozenset(
    """analytics capabilities credentials defaults details insights limits metrics options permissions
    preferences properties settings statistics stats terms""".split()  # noqa: SIM905 - read as words
)
"""Plurals that often name one thing, which is got and not listed."""


def split_words(text: str) -> list[str]:
    """Split camelCase and punctuation into lower-case ASCII words."""
    return list(_split(text))


@lru_cache(10_000)
def _split(text: str) -> tuple[str, ...]:
    text = _ONE_WORD.sub(lambda found: found[0].capitalize(), text)
    spaced = _WORD_STARTS.sub(" ", text) if not text.islower() else text
    return tuple(_WORD.findall(spaced.lower()))


@lru_cache(10_000)
def singular(word: str) -> str:
    """Return the singular of a noun: `companies` is `company`."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in _WITHOUT_PLURAL or len(word) < 3:
        return word
    if word.endswith("uses") and word[:-2] in _WITHOUT_PLURAL:
        return word[:-2]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def is_plural(word: str) -> bool:
    """Tell whether a noun means several things."""
    return singular(word) != word and word not in _ONE_THING


def base_form(word: str, verbs: Collection[str]) -> str:
    """Return the verb of a third person, if it is one of these verbs: `lists` is `list`."""
    if word in verbs:
        return word
    for ending, instead in (("ies", "y"), ("es", ""), ("s", "")):
        if word.endswith(ending) and (verb := word.removesuffix(ending) + instead) in verbs:
            return verb
    return word
