"""Join schemas that hold together although each forbids the properties of the others.

`additionalProperties: false` in a part of an `allOf` only knows that part's own properties, so taken
literally such an `allOf` accepts nothing. Its authors mean the properties of all parts and no others.
"""

from collections.abc import Callable

from mcp_gateway.schemas.budget import Schema

_CLOSING = ("additionalProperties", "unevaluatedProperties")
_DEEPEST = 8
Inline = Callable[[Schema], Schema | None]


def open_parts(
    schema: Schema, inline: Inline, may_be_closed: Callable[[Schema], bool]
) -> tuple[Schema, bool]:
    """Remove the closings of parts that would forbid each other's properties.

    Args:
        schema: a converted schema.
        inline: returns a part with its reference resolved, or None if the reference is recursive.
        may_be_closed: tells whether a part may be closed, without converting what it refers to.

    Returns:
        The schema, and whether closings were removed, so that the whole has to be closed instead.
    """
    groups = {key: schema[key] for key in ("anyOf", "oneOf") if key in schema}
    own = {key: value for key, value in schema.items() if key not in {"allOf", *groups}}
    parts = schema.get("allOf", [])
    branches = [form for group in groups.values() for form in group]
    if not any(may_be_closed(part) for part in (own, *parts, *branches)):
        return schema, False
    whole = [inline(part) or part for part in parts]
    together = [own, *whole]
    shared = set().union(*(_names(part, inline) for part in together))
    if not shared and not any(is_closed(part) for part in together):
        return schema, False  # Forms exclude each other, so each may be closed.
    forms = {key: [inline(form) or form for form in group] for key, group in groups.items()}
    branches = [form for group in forms.values() for form in group]
    known = [
        (part, shared.union(*(_names(form, inline) for form in branches))) for part in together
    ]
    known += [(form, shared) for form in branches]
    if not any(is_closed(part) and names - _names(part, inline) for part, names in known):
        return schema, False
    opened = _open(own)
    if whole:
        opened["allOf"] = [_open(part) for part in whole]
    return {
        **opened,
        **{key: [_open(form) for form in group] for key, group in forms.items()},
    }, True


def is_closed(schema: Schema) -> bool:
    """Tell whether a schema forbids the properties that it doesn't name."""
    return any(schema.get(keyword) is False for keyword in _CLOSING)


def _open(schema: Schema) -> Schema:
    return {k: v for k, v in schema.items() if not (k in _CLOSING and v is False)}


def _names(schema: Schema, inline: Inline, depth: int = 0) -> set[str]:
    """Return the properties that a schema names, in its parts and forms too."""
    schema = inline(schema) or schema
    names = set(schema.get("properties", ()))
    if depth < _DEEPEST:
        for keyword in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(keyword, ()):
                names |= _names(part, inline, depth + 1)
    return names
