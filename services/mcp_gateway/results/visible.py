"""Remove from a JSON answer the characters that a model would read but a person would not see."""

from mcp_gateway.results.exact import read_json, write_json
from mcp_gateway.text import strip_text, strip_value

_ESCAPES = (b"\\u", b"\\b", b"\\f")
# The first bytes of their UTF-8 forms, which are faster to search for.
_LEADS = (
    *(b"\xc2", b"\xcd\x8f", b"\xd8\x9c", b"\xe1\x85", b"\xe1\x9e", b"\xe1\xa0", b"\xe2\x80"),
    *(b"\xe2\x81", b"\xe3\x85", b"\xef\xb8", b"\xef\xbb", b"\xef\xbe", b"\xef\xbf"),
    *(b"\xf0\x9b\xb2", b"\xf0\x9d", b"\xf3\xa0"),
)


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
        return write_json(strip_value(value)) if hides else written
    return strip_text(body.decode()).encode() if _may_hide(body) else body


def _may_hide(body: bytes) -> bool:
    return b"\x7f" in body or (not body.isascii() and any(lead in body for lead in _LEADS))
