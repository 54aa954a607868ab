"""Inputs should be flat: models fill in a few plain arguments well, and deep objects badly."""

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_gateway.review.lint.finding import Finding, ReviewedManifest

_DEEPEST = 2
_MOST_ARGUMENTS = 20


def flat_inputs(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Report deeply nested objects, and tools with too many arguments."""
    for name, tool in reviewed.catalogue.tools.items():
        schema = tool.input_schema
        arguments = schema["properties"]
        depths = {
            key: _depth(value, schema.get("$defs", {}), 0) for key, value in arguments.items()
        }
        deep = [key for key, depth in depths.items() if depth > _DEEPEST]
        if deep:
            yield Finding(
                name,
                "warning",
                f"objects nested more than {_DEEPEST} deep in: {', '.join(sorted(deep)[:5])}",
                "offer a smaller operation, or bind arguments that never change",
            )
        if len(arguments) > _MOST_ARGUMENTS:
            yield Finding(
                name,
                "warning",
                f"it has {len(arguments)} arguments",
                "offer an operation for the common case with fewer",
            )


def _depth(schema: Any, defs: Mapping[str, Any], above: int, seen: tuple[str, ...] = ()) -> int:
    """Return how deeply objects are nested, up to the limit."""
    if not isinstance(schema, Mapping) or above > _DEEPEST + 1:
        return above
    if "$ref" in schema:
        if schema["$ref"] in seen:
            return above
        target = defs.get(schema["$ref"].rpartition("/")[2])
        return _depth(target, defs, above, (*seen, schema["$ref"]))
    here = above + 1 if schema.get("properties") else above
    within = [
        *schema.get("properties", {}).values(),
        *(schema[key] for key in ("items", "additionalProperties") if key in schema),
    ]
    same = [part for key in ("anyOf", "oneOf", "allOf") for part in schema.get(key, ())]
    depths = [_depth(item, defs, here, seen) for item in within]
    depths += [_depth(item, defs, above, seen) for item in same]
    return max([here, *depths])
