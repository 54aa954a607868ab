"""Compare argument schemas from the view of callers of the old one.

A change is breaking if a valid call may become invalid, additive if more calls are valid than before,
and wording if the same calls are valid and only texts differ. A change that can't be classified
counts as breaking.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import orjson

Kind = Literal["breaking", "security", "additive", "wording"]
SchemaChange = tuple[Kind, str]

_WORDS = frozenset(
    """$comment $schema contentMediaType deprecated description example examples format readOnly
    title writeOnly""".split()  # noqa: SIM905 - read as words
)
_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains")
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains")
_HANDLED = {"$ref", "$defs", "type", "enum", "const", "required", "properties", "items"} | {
    *("additionalProperties", "anyOf", "oneOf", "default"),
    *_WORDS,
    *_LEAST,
    *_MOST,
}
_KINDS = {"string", "integer", "number", "boolean", "array", "object", "null"}


def compare_schemas(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[SchemaChange]:
    """Return the changes between two published input schemas, in the order of their arguments."""
    return list(dict.fromkeys(_Comparison(old, new).compare(old, new, "", frozenset())))


class _Comparison:
    """Two schemas, each with its own `$defs`."""

    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self._old = old.get("$defs", {})
        self._new = new.get("$defs", {})

    def compare(
        self, old: Any, new: Any, place: str, above: frozenset[tuple[str, str]]
    ) -> Iterator[SchemaChange]:
        names = _ref(old), _ref(new)
        if any(names):
            if names in above:
                return
            above |= {names}
        elif old == new and not _has_reference(old):
            return
        old, new = _resolve(old, self._old), _resolve(new, self._new)
        old, new = ({} if schema is True else schema for schema in (old, new))
        if old is False:
            if new is not False:
                yield "additive", f"{_at(place)} accepts values now"
            return
        if new is False:
            yield "breaking", f"{_at(place)} doesn't accept any value now"
            return
        yield from _types(old, new, place)
        yield from _values(old, new, place)
        yield from _bounds(old, new, place)
        yield from self._members(old, new, place, above)
        yield from self._branches(old, new, place, above)
        if "items" in old or "items" in new:
            yield from self.compare(
                old.get("items", True), new.get("items", True), f"{place}[]", above
            )
        if old.get("default") != new.get("default"):
            yield "additive", f"{_at(place)} has another default"
        if any(old.get(word) != new.get(word) for word in _WORDS):
            yield "wording", f"{_at(place)} is described differently"
        for keyword in sorted((old.keys() | new.keys()) - _HANDLED):
            if old.get(keyword) != new.get(keyword):
                kind: Kind = "additive" if keyword not in new else "breaking"
                yield kind, f"{_at(place)} has another rule {keyword}"

    def _members(
        self, old: Any, new: Any, place: str, above: frozenset[tuple[str, str]]
    ) -> Iterator[SchemaChange]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed = set(new.get("required", ())) - set(old.get("required", ()))
        for name in before:
            where = f"{place}.{name}" if place else name
            if name not in after:
                yield "breaking", f"{where} was removed"
                continue
            if name in needed:
                yield "breaking", f"{where} is required now"
            yield from self.compare(before[name], after[name], where, above)
        # Additional properties; an absent keyword allows any.
        beyond = old.get("additionalProperties", True), new.get("additionalProperties", True)
        for name in sorted((after.keys() | needed) - before.keys()):
            where = f"{place}.{name}" if place else name
            if name in needed:
                yield "breaking", f"{where} is new and required"
            elif beyond[0] is False:
                yield "additive", f"{where} is new"
            else:
                # The old schema already allowed it as an additional property.
                yield from self.compare(beyond[0], after[name], where, above)
        for name in sorted(set(old.get("required", ())) - set(new.get("required", ()))):
            if name in after:
                yield "additive", f"{f'{place}.' if place else ''}{name} is optional now"
        if beyond != (False, False):
            yield from self.compare(*beyond, f"{place}.*" if place else "*", above)

    def _branches(
        self, old: Any, new: Any, place: str, above: frozenset[tuple[str, str]]
    ) -> Iterator[SchemaChange]:
        for keyword in ("anyOf", "oneOf"):
            before, after = old.get(keyword, []), new.get(keyword, [])
            if before and not after:
                yield "additive", f"{_at(place)} is no longer limited to some forms"
            elif after and not before:
                yield "breaking", f"{_at(place)} is limited to some forms now"
            elif keyword == "oneOf" and before != after:
                # A new or wider form may overlap with the existing ones.
                yield "breaking", f"{_at(place)} accepts other forms"
            elif len(before) == len(after):
                for one, other in zip(before, after, strict=True):
                    yield from self.compare(one, other, place, above)
            elif len(before) < len(after) and before == after[: len(before)]:
                yield "additive", f"{_at(place)} accepts another form"
            else:
                yield "breaking", f"{_at(place)} accepts other forms"


def _types(old: Any, new: Any, place: str) -> Iterator[SchemaChange]:
    before, after = _kinds(old), _kinds(new)
    if lost := before - after:
        yield "breaking", f"{_at(place)} can no longer be {_words(lost)}"
    if gained := after - before:
        yield "additive", f"{_at(place)} can be {_words(gained)} too"


def _values(old: Any, new: Any, place: str) -> Iterator[SchemaChange]:
    before, after = _enum(old), _enum(new)
    if before is None or after is None:
        if after is not None:
            yield "breaking", f"{_at(place)} is limited to some values now"
        elif before is not None:
            yield "additive", f"{_at(place)} is no longer limited to some values"
        return
    for value in sorted(before.keys() - after.keys()):
        yield "breaking", f"{_at(place)} can no longer be {value}"
    for value in sorted(after.keys() - before.keys()):
        yield "additive", f"{_at(place)} can be {value} too"


def _bounds(old: Any, new: Any, place: str) -> Iterator[SchemaChange]:
    for keywords, sign in ((_LEAST, 1), (_MOST, -1)):
        for keyword in keywords:
            before, after = old.get(keyword), new.get(keyword)
            if before == after:
                continue
            tighter = after is not None and (before is None or (after - before) * sign > 0)
            kind: Kind = "breaking" if tighter else "additive"
            said = "no limit" if after is None else after
            yield kind, f"{_at(place)} has another {keyword}: {said}"


def _ref(schema: Any) -> str:
    return str(schema.get("$ref", "")) if isinstance(schema, Mapping) else ""


def _resolve(schema: Any, defs: Mapping[str, Any]) -> Any:
    """Resolve a reference at the root; keywords beside it override the target's."""
    for _ in range(20):
        if not _ref(schema):
            return schema
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        target = defs.get(schema["$ref"].removeprefix("#/$defs/"), True)
        if not isinstance(target, Mapping):
            return target
        schema = {**target, **beside}
    return schema


def _has_reference(schema: Any) -> bool:
    if isinstance(schema, Mapping):
        return "$ref" in schema or any(map(_has_reference, schema.values()))
    return isinstance(schema, list) and any(map(_has_reference, schema))


def _kinds(schema: Any) -> set[str]:
    declared = schema.get("type", sorted(_KINDS))
    kinds = {declared} if isinstance(declared, str) else set(declared)
    return kinds | {"integer"} if "number" in kinds else kinds


def _enum(schema: Any) -> dict[str, None] | None:
    """Return the allowed values as JSON, since 1 equals True in Python."""
    if "const" in schema:
        return {orjson.dumps(schema["const"]).decode(): None}
    values = schema.get("enum")
    return None if values is None else {orjson.dumps(value).decode(): None for value in values}


def _words(kinds: set[str]) -> str:
    return " or ".join(sorted(kinds))


def _at(place: str) -> str:
    return place or "the value"
