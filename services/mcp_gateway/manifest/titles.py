"""Titles of what a manifest offers beside tools."""

from collections.abc import Mapping
from typing import Any

from mcp_gateway.text import tidy_text


def title_of(name: str, value: Mapping[str, Any]) -> str:
    """Answer the title that the entry gives, else one made of its name."""
    return tidy_text(value.get("title", "")) or name.replace("_", " ").capitalize()
