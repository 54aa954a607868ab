"""Clean up text from outside before people and models read it.

Zero width and bidirectional characters, tags, fillers and control characters can hide instructions
from people who look at the data (OWASP LLM01). Joiners stay within words of scripts that need them.
"""

import json
import re
from typing import Any

_ALWAYS = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e"
    "\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_JOINERS, _SELECTORS = "\u200c\u200d", "\u180b-\u180d\u180f"
_SEEN = rf"[^\x00-\x7f\s{_ALWAYS}{_JOINERS}{_SELECTORS}]"
_HIDDEN = re.compile(
    f"[{_ALWAYS}{_JOINERS}{_SELECTORS}](?:"  # a common first character makes the search fast
    f"(?<=[{_ALWAYS}])[{_ALWAYS}]*"
    f"|(?<=[{_JOINERS}])(?:(?<!{_SEEN}.)[{_JOINERS}]*|[{_JOINERS}]+|(?!{_SEEN}))"
    f"|(?<=[{_SELECTORS}])(?<![\u1820-\u18aa].)[{_SELECTORS}]*)"
)
"""Joiners hide unless each is between two visible characters outside of ASCII. Mongolian selectors
choose the form of the letter before them, and hide elsewhere."""


def strip_text(text: str) -> str:
    """Remove hidden characters from a text, except line breaks and tabs."""
    return _HIDDEN.sub("", text)


def tidy_text(text: str) -> str:
    """Remove hidden and control characters and surrounding whitespace."""
    if text.replace("\n", "").replace("\t", "").isprintable():
        return (text if text.isascii() else strip_text(text)).strip()
    return "".join(c for c in strip_text(text) if c.isprintable() or c in "\n\t").strip()


def strip_value(value: Any) -> Any:
    """Remove hidden characters from every text of a JSON value, names of members included."""
    if type(value) is str:
        return strip_text(value)
    if type(value) is list:
        return [strip_value(item) for item in value]
    if type(value) is dict:
        return {strip_text(name): strip_value(item) for name, item in value.items()}
    return value


def escape_text(text: str) -> str:
    r"""Show hidden characters as JSON escapes such as `\u200b`, which leaves JSON valid and equal."""
    return _HIDDEN.sub(lambda found: json.dumps(found[0])[1:-1], text)


def write_line(text: str) -> str:
    """Make a text from outside one line that shows hidden characters and is safe on a terminal."""
    return " ".join(escape_text(text).splitlines())


def shorten_text(text: str, most: int) -> str:
    """Cut a text of more than `most` characters at a word, and mark the cut with an ellipsis."""
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    return f"{(cut.rpartition(' ')[0] or cut).rstrip()}…"
