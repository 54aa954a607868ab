"""Words of a document, as a reader and a model should get them."""

import re
from typing import Any


def tidy_text(text: str) -> str:
    """Take out what a reader can't see (control and formatting characters), and outer spaces."""
    return "".join(c for c in text if c.isprintable() or c in "\n\t").strip()


def without_echo(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Drop a title that only repeats the name: it costs a model's attention and says nothing."""
    if _letters(str(schema.get("title", ""))) != _letters(name):
        return schema
    return {key: value for key, value in schema.items() if key != "title"}


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
