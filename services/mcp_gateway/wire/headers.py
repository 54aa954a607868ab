"""Request headers as bytes, folded once, with a record of the repeated ones."""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import NamedTuple

_SENTINEL = re.compile(rb"=\?base64\?(.*)\?=")


class Headers(NamedTuple):
    """Lower-case names to values without surrounding whitespace (RFC 9110 §5.5)."""

    values: dict[bytes, bytes]
    repeated: frozenset[bytes]

    def get(self, name: bytes) -> bytes | None:
        """Return a header's first value, or None."""
        return self.values.get(name)


def fold_headers(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Fold the header lines of an ASGI server, whose names are in lower case already."""
    values: dict[bytes, bytes] = {}
    repeated: set[bytes] = set()
    for name, value in raw:
        if name in values:
            repeated.add(name)
        else:
            # Some HTTP parsers do not strip the whitespace.
            values[name] = value.strip(b" \t")
    return Headers(values, frozenset(repeated))


def read_plain(value: bytes) -> str:
    """Decode a value as Latin-1; bytes outside ASCII become characters that no token has."""
    return value.decode("latin-1")


def decode_mirrored(value: bytes) -> str | None:
    """Decode an `Mcp-Name` value: plain, or base64 between `=?base64?` and `?=`.

    Returns:
        The text, or None if it is not canonical base64 of UTF-8, so that it equals no value
        (MCP 2026-07-28 streamable HTTP, Value Encoding).
    """
    wrapped = _SENTINEL.fullmatch(value)
    try:
        if wrapped is None:
            return value.decode("ascii")
        decoded = base64.b64decode(wrapped[1], validate=True)
        return decoded.decode() if base64.b64encode(decoded) == wrapped[1] else None
    except (binascii.Error, UnicodeDecodeError):
        return None
