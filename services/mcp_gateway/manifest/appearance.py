"""What clients show of a tool, a prompt or a resource: its title and icons."""

from collections.abc import Mapping
from typing import Any

from mcp_gateway.catalogue.tool import Icon
from mcp_gateway.text import tidy_text


def title_of(name: str, value: Mapping[str, Any]) -> str:
    """Return the entry's title, or one made from its name."""
    return tidy_text(value.get("title", "")) or name.replace("_", " ").capitalize()


def read_icons(value: Mapping[str, Any]) -> tuple[Icon, ...]:
    """Read the icons of an entry that matches the schema."""
    return tuple(
        Icon(
            one["src"],
            one.get("mime_type", ""),
            tuple(one.get("sizes", ())),
            one.get("theme", ""),
        )
        for one in value.get("icons", ())
    )
