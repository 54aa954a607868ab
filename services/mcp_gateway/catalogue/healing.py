"""Arguments that models send in a neighbouring type, brought to the one the schema asks for.

Only where nothing else can be meant: text that reads as the one number, flag, list or object that
the schema allows there. Never the other way: a number where text is wanted may have lost its zeros.
What stays wrong is left for validation to explain.
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


def heal(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Answer the arguments with every unambiguous near miss put right; never fails.

    Args:
        schema: a published input schema, whose references lead to its own `$defs`.
        arguments: what a model gave; left as it is.
    """
    healed = _heal(schema, dict(arguments), schema.get("$defs", {}), 0)
    return healed if isinstance(healed, dict) else dict(arguments)


def _heal(schema: Any, value: Any, defs: Mapping[str, Any], depth: int) -> Any:
    schema = _resolve(schema, defs)
    if depth > _DEEPEST or not isinstance(schema, Mapping):
        return value
    kinds = _kinds(schema, defs)
    if kinds is None:  # The schema doesn't say: whatever came may be meant as it is.
        return value
    if isinstance(value, str) and "string" not in kinds:
        value = _read(value, kinds)
    if isinstance(value, dict):
        members = schema.get("properties", {})
        others = schema.get("additionalProperties")
        return {
            name: _heal(members.get(name, others), item, defs, depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list):
        items = schema.get("items")
        return [_heal(items, item, defs, depth + 1) for item in value]
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
    """Tell which types a schema allows; None where it, or a branch of it, doesn't say."""
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
