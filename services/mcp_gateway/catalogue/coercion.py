"""Coerce arguments that models send in the wrong type to the type that the schema asks for.

Only text is coerced, and only if it parses as the number, boolean, list or object that the schema
allows. A number never becomes text, since it may have lost leading zeros. Validation explains the
rest.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from mcp_gateway.work.exact_numbers import find_inexact, may_be_inexact
from mcp_gateway.work.size import MOST_VALUES, count_values

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")
_FLAGS = {"true": True, "false": False}
_DEEPEST = 20


def coerce_arguments(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with every unambiguous mistake of type corrected; never fails.

    Arguments of more than `MOST_VALUES` values stay as they are, since they are refused anyway.

    Args:
        schema: a published input schema, whose references point to its own `$defs`.
        arguments: the model's arguments; they are not modified.
    """
    given = dict(arguments)
    held = count_values(given, MOST_VALUES)
    if held > MOST_VALUES:
        return given
    coerced = _Coercion(schema.get("$defs", {}), MOST_VALUES - held).coerce(schema, given, 0)
    return coerced if isinstance(coerced, dict) else given


class _Coercion:
    """One run over some arguments, which reads each part of the schema once."""

    def __init__(self, defs: Mapping[str, Any], room: int) -> None:
        self._defs = defs
        self._room = room
        """How many values may still come out of texts."""
        self._known: dict[int, tuple[Any, frozenset[str] | None]] = {}
        """Each schema's resolved form and its types, by identity."""

    def coerce(self, schema: Any, value: Any, depth: int) -> Any:
        """Coerce a value and everything in it."""
        if not isinstance(value, str | dict | list) or not isinstance(schema, Mapping):
            return value
        found = self._known.get(id(schema))
        if found is None:
            resolved = _resolve(schema, self._defs)
            found = self._known[id(schema)] = resolved, _kinds(resolved, self._defs)
        schema, kinds = found
        # Without a type in the schema, any value may be right.
        if depth > _DEEPEST or kinds is None or not isinstance(schema, Mapping):
            return value
        if isinstance(value, str):
            if "string" in kinds:
                return value
            value = self._read(value, kinds)
        if isinstance(value, dict):
            members = schema.get("properties", {})
            others = schema.get("additionalProperties")
            return {
                name: self.coerce(members.get(name, others), item, depth + 1)
                for name, item in value.items()
            }
        if isinstance(value, list):
            items = schema.get("items")
            return [self.coerce(items, item, depth + 1) for item in value]
        return value

    def _read(self, text: str, kinds: frozenset[str]) -> Any:
        stripped = text.strip()
        if _INTEGER.fullmatch(stripped) and ("integer" in kinds or "number" in kinds):
            return int(stripped)
        if _changes(stripped):
            return text  # Exact digits matter more than the type.
        if "number" in kinds and _NUMBER.fullmatch(stripped):
            return float(stripped)
        if "boolean" in kinds and stripped.lower() in _FLAGS:
            return _FLAGS[stripped.lower()]
        if stripped[:1] not in ("[", "{") or kinds.isdisjoint(("array", "object")):
            return text
        held = sum(map(stripped.count, "[{,"))
        if held > self._room:
            return text
        try:
            value = orjson.loads(stripped)
        except ValueError:
            return text
        self._room -= held
        kind = "array" if isinstance(value, list) else "object"
        return value if kind in kinds else text


def _changes(text: str) -> bool:
    """Tell whether reading a text as JSON would change a number in it."""
    data = text.encode(errors="replace")
    return may_be_inexact(data) and find_inexact(data) is not None


def _resolve(schema: Any, defs: Mapping[str, Any]) -> Any:
    for _ in range(_DEEPEST):
        if not isinstance(schema, Mapping) or "$ref" not in schema:
            return schema
        schema = defs.get(schema["$ref"].removeprefix("#/$defs/"))
    return None


def _kinds(schema: Any, defs: Mapping[str, Any], depth: int = 0) -> frozenset[str] | None:
    """Return the types that a schema allows; None if it, or a branch of it, doesn't name any."""
    schema = _resolve(schema, defs)
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return None
    declared = schema.get("type")
    if declared is not None:
        return frozenset([declared] if isinstance(declared, str) else declared)
    branches = schema.get("anyOf") or schema.get("oneOf")
    if not branches:
        return None
    kinds = [_kinds(branch, defs, depth + 1) for branch in branches]
    known = [kind for kind in kinds if kind is not None]
    return frozenset().union(*known) if len(known) == len(kinds) else None
