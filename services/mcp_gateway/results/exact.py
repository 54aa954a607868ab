"""JSON whose numbers stay as they were written."""

import json
from typing import Any

import orjson

_LONG = b"0" * 16
"""As many digits in a row as a float may not keep."""
_DIGITS = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else 32 for byte in range(256))


def read_json(body: bytes) -> Any:
    """Parse JSON; a number that neither a float nor 64 bits may hold is kept as its text.

    Raises:
        ValueError: it is no JSON.
    """
    parsed = orjson.loads(body)  # strict, and bounded in depth, as the parser below is not
    if _LONG not in body.translate(_DIGITS):
        return parsed
    return json.loads(body, parse_int=_read_int, parse_float=_keep)


def write_json(value: Any) -> bytes:
    """Write what `read_json` answers.

    Raises:
        ValueError: it is nested too deep to be written.
    """
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise ValueError(str(error)) from None


def _read_int(text: str) -> int | orjson.Fragment:
    return int(text) if len(text) <= 18 else _keep(text)


def _keep(text: str) -> orjson.Fragment:
    return orjson.Fragment(text.encode())
