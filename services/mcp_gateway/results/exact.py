"""Read and write JSON without changing its numbers."""

import json
import math
from decimal import Decimal
from typing import Any

import orjson

_LONG = b"0" * 16
"""A run of digits that a float may not represent exactly."""
_SURE = 16
"""The length up to which each decimal number without an exponent is an exact float: 15 digits and a point."""
_DIGITS = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else 32 for byte in range(256))


def read_json(body: bytes) -> Any:
    """Parse JSON; a number that a float or 64 bits might not hold exactly stays text.

    Raises:
        ValueError: the body is not JSON.
    """
    parsed = orjson.loads(body)  # strict and bounded in depth, unlike the parser below
    if _LONG not in body.translate(_DIGITS):
        return parsed
    return json.loads(body, parse_int=_read_int, parse_float=_read_float)


def write_json(value: Any) -> bytes:
    """Write a value that `read_json` returned.

    Raises:
        ValueError: the value is nested too deeply.
    """
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise ValueError(str(error)) from None


def _read_int(text: str) -> int | orjson.Fragment:
    if len(text) <= 20 and -(1 << 63) <= (number := int(text)) < 1 << 64:
        return number
    return _keep(text)


def _read_float(text: str) -> float | orjson.Fragment:
    number = float(text)
    if len(text) <= _SURE and text.isascii() and text.replace(".", "").lstrip("-").isdigit():
        return number
    exact = math.isfinite(number) and Decimal(text) == Decimal(repr(number))
    return number if exact else _keep(text)


def _keep(text: str) -> orjson.Fragment:
    return orjson.Fragment(text.encode())
