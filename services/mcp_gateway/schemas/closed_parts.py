"""Join schemas that hold together although each forbids the properties of the others.

`additionalProperties: false` in a part of an `allOf` only knows that part's own properties, so taken
literally such an `allOf` accepts nothing. Its authors mean the properties of all parts and no others.
"""

from collections.abc import Callable

from mcp_gateway.schemas.budget import Schema

_CLOSING = ("additionalProperties", "unevaluatedProperties")
_DEEPEST = 8
Inline = Callable[[Schema], Schema | None]


def open_parts(schema: Schema, inline: Inline) -> tuple[Schema, bool]:
    """Remove the closings of parts that would forbid each other's properties.

    Args:
        schema: a converted schema.
        inline: returns a part with its reference resolved, or None if the reference is recursive.

    Returns:
        The schema, and whether closings were removed, so that the whole has to be closed instead.
    """
    whole = [inline(part) or part for part in schema.get("allOf", ())]
    forms = {
        keyword: [inline(form) or form for form in schema[keyword]]
        for keyword in ("anyOf", "oneOf")
        if keyword in schema
    }
    own = {key: value for key, value in schema.items() if key not in {"allOf", *forms}}
    if not whole and not forms:
        return schema, False
    branches = [form for group in forms.values() for form in group]
    together = [own, *whole]
    if not any(_is_closed(part) for part in (*together, *branches)):
        return schema, False
    shared = set().union(*(_names(part, inline) for part in together))
    known = [*((part, shared | _all(branches, inline)) for part in together)]
    known += [(form, shared | _names(form, inline)) for form in branches]
    if not any(_is_closed(part) and names - _names(part, inline) for part, names in known):
        return schema, False
    opened = _open(own)
    if whole:
        opened["allOf"] = [_open(part) for part in whole]
    return {
        **opened,
        **{key: [_open(form) for form in group] for key, group in forms.items()},
    }, True


def _is_closed(schema: Schema) -> bool:
    return any(schema.get(keyword) is False for keyword in _CLOSING)


def _open(schema: Schema) -> Schema:
    return {k: v for k, v in schema.items() if not (k in _CLOSING and v is False)}


def _all(schemas: list[Schema], inline: Inline) -> set[str]:
    return set().union(*(_names(schema, inline) for schema in schemas))


def _names(schema: Schema, inline: Inline, depth: int = 0) -> set[str]:
    """Return the properties that a schema names, in its parts and forms too."""
    schema = inline(schema) or schema
    names = set(schema.get("properties", ()))
    if depth < _DEEPEST:
        for keyword in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(keyword, ()):
                names |= _names(part, inline, depth + 1)
    return names
