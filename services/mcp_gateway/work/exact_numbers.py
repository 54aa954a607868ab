"""Find a number in JSON that reading would change, such as an id of thirty digits."""

import re
from decimal import Decimal

_SUSPECT = re.compile(rb"[0-9][0-9.]{15}")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]{15,}')
_WHOLE = range(-(1 << 63), 1 << 64)
_LONGEST_SHOWN = 40


def may_be_inexact(body: bytes) -> bool:
    """Tell whether a JSON text holds enough digits in a row for a number that would change."""
    return _SUSPECT.search(body) is not None


def find_inexact(body: bytes) -> str | None:
    """Return the first number, shortened, that is neither a 64-bit integer nor an exact float.

    A float is exact if its shortest form has the same value: 0.1 is, 0.10000000000000000001 isn't.

    Args:
        body: a valid JSON text.
    """
    for match in _TOKEN.finditer(body):
        text = match[0].decode()
        if text.startswith('"'):
            continue
        if text.lstrip("-").isdigit():
            if len(text) <= 21 and int(text) in _WHOLE:
                continue
        elif Decimal(text) == Decimal(repr(float(text))):
            continue
        return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
    return None
