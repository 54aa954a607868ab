"""Merge two converted schemas that must both hold."""

from mcp_gateway.schemas.budget import Schema

ANNOTATIONS = frozenset({"description", "title", "default", "examples", "deprecated"})
LEFT_OUT = "readOnly"
"""Names of properties left out because the upstream sets them, kept until the schema is published:
one part of an `allOf` may require a property that another part marks as read-only."""


def merge(one: Schema, two: Schema) -> Schema | None:
    """Merge two schemas that must both hold; the second's annotations win. None if that can't be."""
    if not one.keys() - ANNOTATIONS or not two.keys() - ANNOTATIONS:
        return {**one, **two}
    merged = dict(one)
    left_out = {*one.get(LEFT_OUT, ()), *two.get(LEFT_OUT, ())}
    for schema, other in ((one, two), (two, one)):
        closed = schema.get("additionalProperties", True)
        mine = schema.get("properties", {}).keys()
        # A closed part only knows its own properties; merged, it would forbid the other's.
        if closed is not True and closed != {} and other.get("properties", {}).keys() - mine:
            return None
        if "patternProperties" in schema and "additionalProperties" in other:
            return None
        if "unevaluatedProperties" in schema and "unevaluatedProperties" not in other:
            return None
    for keyword, value in two.items():
        if keyword not in merged or keyword in ANNOTATIONS or merged[keyword] == value:
            merged[keyword] = value
        elif keyword == "properties":
            merged[keyword] = {**merged[keyword]}
            for name, schema in value.items():
                mine = merged[keyword].get(name, schema)
                merged[keyword][name] = (
                    schema if mine == schema else merge(mine, schema) or {"allOf": [mine, schema]}
                )
        elif keyword == "type" and (kinds := _both(merged[keyword], value)):
            merged[keyword] = kinds[0] if len(kinds) == 1 else kinds
        elif keyword in {"required", LEFT_OUT}:
            merged[keyword] = list(dict.fromkeys([*merged[keyword], *value]))
        elif keyword == "allOf":
            merged[keyword] = [*merged[keyword], *value]
        else:
            return None
    if left_out:
        merged["properties"] = {
            name: schema
            for name, schema in merged.get("properties", {}).items()
            if name not in left_out
        }
        merged["required"] = [n for n in merged.get("required", ()) if n not in left_out]
        if not merged["required"]:
            del merged["required"]
    return merged


def _both(one: str | list[str], two: str | list[str]) -> list[str]:
    """Return the types that two `type` keywords both allow."""
    others = [two] if isinstance(two, str) else two
    return [kind for kind in ([one] if isinstance(one, str) else one) if kind in others]
