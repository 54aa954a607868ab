"""Paths of fields in a JSON answer, such as `owner.email` and `tasks[].org_id`."""

import re
from collections.abc import Sequence

EACH = "[]"
"""The part of a path that means every item of a list."""
_PLACE = r"[^.\[\]\s]+(\[\])*"
PLACE_PATTERN = rf"^((\[\])+(\.{_PLACE})*|{_PLACE}(\.{_PLACE})*)$"

FieldPath = tuple[str, ...]


def parse_field(text: str) -> FieldPath:
    """Split `tasks[].org_id` into `("tasks", "[]", "org_id")`; the text must match the pattern."""
    return tuple(re.findall(r"\[\]|[^.\[\]]+", text))


def format_field(path: FieldPath) -> str:
    """Write a path as text."""
    text = ""
    for part in path:
        text += part if part == EACH or not text else f".{part}"
    return text


def overlap(path: Sequence[str], field: FieldPath) -> bool:
    """Tell whether one path leads to, into or around what the other leads to; positions are items."""
    return all(
        part == named or (named == EACH and part.isdecimal())
        for part, named in zip(path, field, strict=False)
    )
