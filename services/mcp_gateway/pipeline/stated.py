"""The words that a model used, as far as they are kept."""

import re
import unicodedata

from gatepost.metering.call_event import LONGEST_STATED
from gatepost.text.hidden import HIDDEN

_MOST = 12
_LONGEST_WORD = 24
_READ = 2_000
# Words of letters alone: numbers, addresses and identifiers may name a person or a record.
_TOKEN = re.compile(r"\S+")
_INSIDE = re.compile("['\u2019-]")


def clean_words(text: object) -> str:
    """Return the first words of a text in lower case, without numbers, addresses and identifiers.

    Words are composed (NFC). Letters keep their marks, with which many scripts write vowels. A text that
    is not a string has no words.
    """
    if not isinstance(text, str):
        return ""
    words: list[str] = []
    length = 0
    for found in _TOKEN.finditer(text[:_READ]):
        if len(found[0]) > 2 * _LONGEST_WORD:
            continue
        word = _trim(unicodedata.normalize("NFC", HIDDEN.sub("", found[0]).lower()))
        if len(word) > _LONGEST_WORD or not all(map(_is_word, _INSIDE.split(word))):
            continue
        length += len(word) + 1
        if len(words) == _MOST or length > LONGEST_STATED:
            break
        words.append(word)
    return " ".join(words)


def _trim(token: str) -> str:
    """Remove what precedes the first letter or digit and follows the last one with its marks."""
    start, end = 0, len(token)
    while start < end and not token[start].isalnum():
        start += 1
    while end > start and not (token[end - 1].isalnum() or _is_mark(token[end - 1])):
        end -= 1
    return token[start:end]


def _is_word(text: str) -> bool:
    return text[:1].isalpha() and all(one.isalpha() or _is_mark(one) for one in text)


def _is_mark(character: str) -> bool:
    # The selectors of emoji are marks too, and so are circles and keycaps (Me).
    return unicodedata.category(character) in {"Mn", "Mc"} and character not in "\ufe0e\ufe0f"
