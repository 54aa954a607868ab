"""Drop redundant titles of schemas, which cost tokens."""

import re

from mcp_gateway.schemas.budget import Schema


def without_echo(name: str, schema: Schema) -> Schema:
    """Return a schema without a title that only repeats the name."""
    if "title" not in schema or _letters(schema["title"]) != _letters(name):
        return schema
    return {key: value for key, value in schema.items() if key != "title"}


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
