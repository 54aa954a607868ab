"""The words that a model used, as far as they are kept."""

import re

from gatepost.metering.call_event import LONGEST_STATED

_MOST = 12
_LONGEST_WORD = 24
_READ = 2_000
# Words of letters alone: numbers, addresses and identifiers may name a person or a record.
_TOKEN = re.compile(r"\S+")
_INSIDE = re.compile("['\u2019-]")
_AROUND = re.compile(r"^[\W_]+|[\W_]+$")


def clean_words(text: object) -> str:
    """Return the first words of a text in lower case, without numbers, addresses and identifiers.

    A text that is not a string has no words.
    """
    if not isinstance(text, str):
        return ""
    words: list[str] = []
    length = 0
    for found in _TOKEN.finditer(text[:_READ]):
        if len(found[0]) > 2 * _LONGEST_WORD:
            continue
        word = _AROUND.sub("", found[0]).lower()
        if len(word) > _LONGEST_WORD or not all(map(str.isalpha, _INSIDE.split(word))):
            continue
        length += len(word) + 1
        if len(words) == _MOST or length > LONGEST_STATED:
            break
        words.append(word)
    return " ".join(words)
