"""Places in a JSON answer, written as people write them: `owner.email`, `tasks[].org_id`."""

import re

EACH = "[]"
"""In a path: every item of a list."""
_PLACE = r"[^.\[\]\s]+(\[\])*"
PLACE_PATTERN = rf"^((\[\])+(\.{_PLACE})*|{_PLACE}(\.{_PLACE})*)$"

FieldPath = tuple[str, ...]


def parse_field(text: str) -> FieldPath:
    """Split `tasks[].org_id` into `("tasks", "[]", "org_id")`; the text has the form above."""
    return tuple(re.findall(r"\[\]|[^.\[\]]+", text))


def format_field(path: FieldPath) -> str:
    """Write a place as a person would."""
    text = ""
    for part in path:
        text += part if part == EACH or not text else f".{part}"
    return text
