"""Clean up text from outside before people and models read it.

Zero width and bidirectional characters, tags, fillers and control characters can hide instructions
from people who look at the data (OWASP LLM01). Joiners stay within words of scripts that need them.
"""

import re

_ALWAYS = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e"
    "\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SEEN = re.compile(rf"[^\x00-\x7f\s\u180b-\u180d\u180f\u200c\u200d{_ALWAYS}]")
_JOINERS = "\u200c\u200d"
_MAY_HIDE = re.compile(f"[{_ALWAYS}{_JOINERS}]|(?<![\u1820-\u18aa])[\u180b-\u180d\u180f]")
"""Mongolian selectors choose the form of the letter before them, and hide elsewhere."""


def strip_text(text: str) -> str:
    """Remove hidden characters from a text, except line breaks and tabs."""
    return _MAY_HIDE.sub(_judge, text)


def _judge(found: re.Match[str]) -> str:
    """Keep a joiner that stands between two visible characters outside of ASCII."""
    text, start, end = found.string, found.start(), found.end()
    if found[0] in _JOINERS and start and _SEEN.match(text, start - 1) and _SEEN.match(text, end):
        return found[0]
    return ""


def tidy_text(text: str) -> str:
    """Remove hidden and control characters and surrounding whitespace."""
    if text.replace("\n", "").replace("\t", "").isprintable():
        return (text if text.isascii() else strip_text(text)).strip()
    return "".join(c for c in strip_text(text) if c.isprintable() or c in "\n\t").strip()


def write_line(text: str) -> str:
    """Make a text from outside one line without hidden characters, safe to print on a terminal."""
    return " ".join(strip_text(text).splitlines())


def shorten_text(text: str, most: int) -> str:
    """Cut a text of more than `most` characters at a word, and mark the cut with an ellipsis."""
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    return f"{(cut.rpartition(' ')[0] or cut).rstrip()}…"
