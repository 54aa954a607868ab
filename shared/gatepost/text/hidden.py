"""Hidden characters in text from outside: which they are, and how they are shown.

Zero width and bidirectional characters, tags, fillers and control characters can hide instructions
from people who look at the data (OWASP LLM01), and control a terminal. Joiners stay within words of
scripts that need them.
"""

import json
import re

_ALWAYS = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e"
    "\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_JOINERS, _SELECTORS = "\u200c\u200d", "\u180b-\u180d\u180f"
_SEEN = rf"[^\x00-\x7f\s{_ALWAYS}{_JOINERS}{_SELECTORS}]"
HIDDEN = re.compile(
    f"[{_ALWAYS}{_JOINERS}{_SELECTORS}](?:"  # a common first character makes the search fast
    f"(?<=[{_ALWAYS}])[{_ALWAYS}]*"
    f"|(?<=[{_JOINERS}])(?:(?<!{_SEEN}.)[{_JOINERS}]*|[{_JOINERS}]+|(?!{_SEEN}))"
    f"|(?<=[{_SELECTORS}])(?<![\u1820-\u18aa].)[{_SELECTORS}]*)"
)
"""Joiners hide unless each is between two visible characters outside of ASCII. Mongolian selectors
choose the form of the letter before them, and hide elsewhere."""

_LONE_RETURN = re.compile(r"\r(?!\n)")


def escape_text(text: str) -> str:
    r"""Show hidden characters as JSON escapes such as `\u200b`, which leaves JSON valid and equal.

    Line breaks and tabs stay. A carriage return alone, which would hide the line before it on a
    terminal, is shown too.
    """
    if text.isascii() and text.isprintable():
        return text
    shown = HIDDEN.sub(lambda found: json.dumps(found[0])[1:-1], text)
    return _LONE_RETURN.sub(r"\\r", shown)


def write_line(text: str) -> str:
    """Make a text from outside one line that shows hidden characters and is safe on a terminal."""
    return " ".join(escape_text(text).splitlines())
