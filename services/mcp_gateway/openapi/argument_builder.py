"""Collect an operation's arguments, and report why an operation can't become a tool."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp_gateway.documents.markup import plain_text
from mcp_gateway.requests.operation import Location, Parameter
from mcp_gateway.schemas.budget import Schema
from mcp_gateway.schemas.titles import without_echo
from mcp_gateway.text import tidy_text

ARGUMENT_KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
STYLES: Mapping[Location, tuple[str, ...]] = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}
"""The styles that OpenAPI defines for each location."""
FLAT = frozenset({"string", "number", "integer", "boolean"})
"""JSON types that can be written as one text."""


class Unimportable(Exception):
    """The operation can't become a tool; the message is the reason, for the coverage report."""


@dataclass(slots=True)
class ArgumentBuilder:
    """Collects the arguments of one operation."""

    properties: dict[str, Schema] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    bind_only: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    undeclared: list[str] = field(default_factory=list)
    """Placeholders of the path that no parameter declares."""
    idempotency: str | None = None

    def add(self, name: str, location: str, schema: Schema, *, required: bool) -> str:
        """Add an argument and return its key, which is legal, unique and the same at each import."""
        key = legal_key(name)
        if key in self.properties:
            key = legal_key(f"{location}_{name}")
        base, number = key, 2
        while key in self.properties:
            key, number = f"{base[:60]}_{number}", number + 1
        self.properties[key] = without_echo(name, schema)
        if required:
            self.required.append(key)
        return key


def legal_key(name: str) -> str:
    """Turn a name into a key that every client accepts: `filter[name]` becomes `filter_name`."""
    if ARGUMENT_KEY.fullmatch(name):
        return name
    key = re.sub(r"[^a-zA-Z0-9_.-]+", "_", name).strip("_.-")
    if len(key) > 64:
        key = f"{key[:55]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return key or f"arg_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def described(schema: Schema, source: Mapping[str, Any]) -> Schema:
    """Copy the description and deprecation of a parameter or body to its schema."""
    schema = dict(schema)
    description = source.get("description")
    if isinstance(description, str) and description.strip():
        schema["description"] = tidy_text(plain_text(description))
    if source.get("deprecated") is True:
        schema["deprecated"] = True
    return schema
