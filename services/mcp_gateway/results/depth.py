"""Tell answers that are nested more deeply than clients read."""

from typing import Any

MOST_LEVELS = 150
"""Levels of an answer that is structured content; the official Python client reads 200 of a message."""
_OTHERS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def is_deep(text: bytes, value: Any) -> bool:
    """Tell whether JSON has more than `MOST_LEVELS` levels of lists and objects.

    Args:
        text: the JSON.
        value: the same, parsed.
    """
    if len(text) <= 2 * MOST_LEVELS:
        return False
    left = text.translate(None, _OTHERS)
    if len(left) <= 2 * MOST_LEVELS:
        return False
    for _ in range(MOST_LEVELS):
        outer = left.replace(b"[]", b"").replace(b"{}", b"")
        if not outer:
            return False
        if len(outer) == len(left):
            return _walk(value)  # brackets in texts
        left = outer
    return True


def _walk(value: Any) -> bool:
    level = [value]
    for _ in range(MOST_LEVELS):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in (dict, list)
        ]
        if not level:
            return False
    return True
