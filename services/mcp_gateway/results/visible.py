"""Remove characters from an answer that a model would read but a person would not see.

Zero width and bidirectional characters, tags, fillers and control characters can hide instructions
from people who look at the data (OWASP LLM01). Joiners stay within words of scripts that need them.
"""

import re
from typing import Any

from mcp_gateway.results.exact import read_json, write_json

_ALWAYS = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e"
    "\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SEEN = re.compile(rf"[^\x00-\x7f\s\u180b-\u180d\u180f\u200c\u200d{_ALWAYS}]")
_JOINERS = "\u200c\u200d"
_MAY_HIDE = re.compile(f"[{_ALWAYS}{_JOINERS}]|(?<![\u1820-\u18aa])[\u180b-\u180d\u180f]")
"""Mongolian selectors choose the form of the letter before them, and hide elsewhere."""
_ESCAPES = (b"\\u", b"\\b", b"\\f")
# The first bytes of their UTF-8 forms, which are faster to search for.
_LEADS = (
    *(b"\xc2", b"\xcd\x8f", b"\xd8\x9c", b"\xe1\x85", b"\xe1\x9e", b"\xe1\xa0", b"\xe2\x80"),
    *(b"\xe2\x81", b"\xe3\x85", b"\xef\xb8", b"\xef\xbb", b"\xef\xbe", b"\xef\xbf"),
    *(b"\xf0\x9b\xb2", b"\xf0\x9d", b"\xf3\xa0"),
)


def strip_text(text: str) -> str:
    """Remove hidden characters from a text, except line breaks and tabs."""
    return _MAY_HIDE.sub(_judge, text)


def _judge(found: re.Match[str]) -> str:
    """Keep a joiner that stands between two visible characters outside of ASCII."""
    text, start, end = found.string, found.start(), found.end()
    if found[0] in _JOINERS and start and _SEEN.match(text, start - 1) and _SEEN.match(text, end):
        return found[0]
    return ""


def strip_json(body: bytes) -> bytes:
    """Remove hidden characters from a JSON document, including escaped ones.

    Raises:
        ValueError: the body is not JSON, or is nested too deeply to be written again.
    """
    if b"\\" in body and any(escape in body for escape in _ESCAPES):
        # Writing the value again resolves every escape except those of control characters.
        value = read_json(body)
        written = write_json(value)
        hides = any(escape in written for escape in _ESCAPES) or _may_hide(written)
        return write_json(_strip(value)) if hides else written
    return strip_text(body.decode()).encode() if _may_hide(body) else body


def _may_hide(body: bytes) -> bool:
    return b"\x7f" in body or (not body.isascii() and any(lead in body for lead in _LEADS))


def _strip(value: Any) -> Any:
    if type(value) is str:
        return strip_text(value)
    if type(value) is list:
        return [_strip(item) for item in value]
    if type(value) is dict:
        return {strip_text(name): _strip(item) for name, item in value.items()}
    return value
