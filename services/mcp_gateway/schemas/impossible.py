"""Find arguments for which no value is valid, so that no tool is offered that refuses every call."""

from collections.abc import Mapping
from typing import Any

from mcp_gateway.schemas.budget import DEFS, Schema

_DEEPEST = 12
_LIMITS = (
    ("minimum", "maximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)


def find_impossible(schema: Schema) -> str | None:
    """Return the place of a required value that can't be valid; None if none is certain.

    Args:
        schema: a published input schema.

    Returns:
        The place, such as `body.owner`.
    """
    place = _find(schema, schema.get("$defs", {}), 0)
    return None if place is None else ".".join(place)


def _find(schema: Any, defs: Mapping[str, Any], depth: int) -> tuple[str, ...] | None:
    """Return the path to a value that can't be valid; () if that is the value itself."""
    if schema is False:
        return ()
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return None
    if schema.get("not") in ({}, True) or schema.get("enum") == []:
        return ()
    if any(schema[a] > schema[b] for a, b in _LIMITS if a in schema and b in schema):
        return ()
    members = schema.get("properties", {})
    open_ = schema.get("additionalProperties", True) is not False or "patternProperties" in schema
    if schema.get("type") == "object":
        for name in schema.get("required", ()):
            if name not in members and not open_:
                return (name,)
            if (inner := _find(members.get(name), defs, depth + 1)) is not None:
                return (name, *inner)
    if "$ref" in schema:
        target = defs.get(schema["$ref"].removeprefix(DEFS))
        if (inner := _find(target, defs, depth + 1)) is not None:
            return inner
    for part in schema.get("allOf", ()):
        if (inner := _find(part, defs, depth + 1)) is not None:
            return inner
    for keyword in ("anyOf", "oneOf"):
        found = [_find(form, defs, depth + 1) for form in schema.get(keyword, ())]
        if found and None not in found:
            return found[0]
    return None
