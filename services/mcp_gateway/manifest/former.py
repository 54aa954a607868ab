"""The former names of a tool, by which clients may call it until a day."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from mcp_gateway.catalogue.meta_tools import META_TOOLS
from mcp_gateway.catalogue.tool import FormerName
from mcp_gateway.catalogue.validation import make_validator


@dataclass(frozen=True, slots=True)
class FormerEntry:
    """The manifest's entry for one former name."""

    name: str
    until: date
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Former name of an argument to its present one."""


class UnusableFormerName(ValueError):
    """The entry can't be served; the message begins with its key."""


def make_former_name(entry: FormerEntry, schema: Mapping[str, Any]) -> FormerName:
    """Combine an entry with the tool's input schema.

    Raises:
        UnusableFormerName: an argument does not exist, or two would have one name.
    """
    properties: Mapping[str, Any] = schema["properties"]
    taken: set[str] = set()
    for old, new in entry.arguments.items():
        if new not in properties:
            known = ", ".join(sorted(properties)) or "none"
            raise UnusableFormerName(f".arguments.{old}: no argument {new!r} now; it has {known}")
        if new == old:
            raise UnusableFormerName(f".arguments.{old}: has this name now; remove it")
        if new in taken:
            raise UnusableFormerName(f".arguments.{old}: {new} has another former name already")
        taken.add(new)
        if old in properties and old not in entry.arguments.values():
            raise UnusableFormerName(
                f".arguments.{old}: the tool has an argument of that name; rename one of the two"
            )
    before = {new: old for old, new in entry.arguments.items()}
    renamed = {
        **schema,
        "properties": {before.get(name, name): value for name, value in properties.items()},
    }
    if "required" in schema:
        renamed["required"] = [before.get(name, name) for name in schema["required"]]
    return FormerName(
        entry.name, entry.until, dict(entry.arguments), renamed, make_validator(renamed)
    )


def former_name_problems(source: Mapping[str, Any]) -> Iterator[str]:
    """Find former names that are not free in a manifest that matches the schema."""
    tools: Mapping[str, Any] = source["tools"]
    seen: dict[str, str] = {}
    for tool, value in tools.items():
        for place, former in enumerate(value.get("former", ())):
            name, where = former["name"], f"tools.{tool}.former[{place}]"
            if name in tools:
                yield (
                    f"{where}.name: {name} is a tool of this manifest; remove its entry, or move the "
                    f"clients with `replaced_by: {tool}` there"
                )
            elif name in seen:
                yield f"{where}.name: {name} is a former name of {seen[name]} too; keep one"
            elif "search_above" in source and name in META_TOOLS:
                yield f"{where}.name: the name is taken by search_above"
            seen.setdefault(name, tool)
            try:
                date.fromisoformat(former["until"])
            except ValueError:
                yield f"{where}.until: must be a calendar date, such as 2027-06-30"
