"""Titles of prompts and resources."""

from collections.abc import Mapping
from typing import Any

from mcp_gateway.text import tidy_text


def title_of(name: str, value: Mapping[str, Any]) -> str:
    """Return the entry's title, or one made from its name."""
    return tidy_text(value.get("title", "")) or name.replace("_", " ").capitalize()
