"""Coerce arguments that models send in the wrong type to the type that the schema asks for.

Only text is coerced, and only if it parses as the number, boolean, list or object that the schema
allows. A number never becomes text, since it may have lost leading zeros. Validation explains the
rest.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")
_FLAGS = {"true": True, "false": False}
_DEEPEST = 20
_LONGEST = 1 << 20


def coerce_arguments(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with every unambiguous mistake of type corrected; never fails.

    Args:
        schema: a published input schema, whose references point to its own `$defs`.
        arguments: the model's arguments; they are not modified.
    """
    coerced = _coerce(schema, dict(arguments), schema.get("$defs", {}), 0)
    return coerced if isinstance(coerced, dict) else dict(arguments)


def _coerce(schema: Any, value: Any, defs: Mapping[str, Any], depth: int) -> Any:
    schema = _resolve(schema, defs)
    if depth > _DEEPEST or not isinstance(schema, Mapping):
        return value
    kinds = _kinds(schema, defs)
    if kinds is None:  # The schema doesn't name a type, so any value may be right.
        return value
    if isinstance(value, str) and "string" not in kinds:
        value = _read(value, kinds)
    if isinstance(value, dict):
        members = schema.get("properties", {})
        others = schema.get("additionalProperties")
        return {
            name: _coerce(members.get(name, others), item, defs, depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list):
        items = schema.get("items")
        return [_coerce(items, item, defs, depth + 1) for item in value]
    return value


def _read(text: str, kinds: frozenset[str]) -> Any:
    stripped = text.strip()
    scalars = kinds & {"integer", "number", "boolean"}
    if scalars and _INTEGER.fullmatch(stripped) and scalars & {"integer", "number"}:
        return int(stripped)
    if "number" in scalars and _NUMBER.fullmatch(stripped):
        return float(stripped)
    if "boolean" in scalars and stripped.lower() in _FLAGS:
        return _FLAGS[stripped.lower()]
    if kinds & {"array", "object"} and stripped[:1] in {"[", "{"} and len(text) <= _LONGEST:
        try:
            value = orjson.loads(stripped)
        except ValueError:
            return text
        kind = "array" if isinstance(value, list) else "object"
        return value if kind in kinds else text
    return text


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
