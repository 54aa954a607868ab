"""JSON whose numbers stay as they were written."""

import json
import re
from typing import Any

import orjson

_LONG_NUMBER = re.compile(rb"[0-9]{16}|[0-9][eE]")
"""What may not survive a float: sixteen digits in a row, or an exponent."""


def read_json(body: bytes) -> Any:
    """Parse JSON; a number that a float or 64 bits can't hold is an `orjson.Fragment` of its text.

    Raises:
        ValueError: it is no JSON.
    """
    if _LONG_NUMBER.search(body) is None:
        return orjson.loads(body)
    orjson.loads(body)  # strict, and bounded in depth, as the parser below is not
    return json.loads(body, parse_int=_read_int, parse_float=_keep)


def _read_int(text: str) -> int | orjson.Fragment:
    return int(text) if len(text) <= 18 else _keep(text)


def _keep(text: str) -> orjson.Fragment:
    return orjson.Fragment(text.encode())
