"""Fit a tool's schema into a size budget: first shorten its texts, then cut its deepest levels.

A part that is cut accepts more than before, never less, and says so: a call that the document allows
remains valid, and the upstream checks the rest.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from mcp_gateway.text import tidy_text

SOFT = 8 << 10
"""Bytes of JSON above which nested texts are shortened."""
HARD = 32 << 10
"""Bytes of JSON that no published schema exceeds."""

Schema = dict[str, Any]

ONE = frozenset(
    """items not if then else contains propertyNames additionalProperties unevaluatedItems
    unevaluatedProperties""".split()  # noqa: SIM905 - read as words
)
"""Keywords whose value is one schema; `MANY` take a list of schemas, `NAMED` take named ones."""
MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
NAMED = frozenset({"properties", "patternProperties", "dependentSchemas"})
_NESTING = ONE | MANY | NAMED
DEFS = "#/$defs/"
# Keywords that accept less if a schema inside them accepts more.
_STRICTER = frozenset(
    """not if then else contains minContains maxContains propertyNames dependentSchemas
    unevaluatedItems unevaluatedProperties""".split()  # noqa: SIM905 - read as words
)
_CUT = "Shortened here: more is accepted than is listed."
_MOST_VALUES = 24
_LENGTHS = (400, 160, 60)
_DEEPEST_CUT = 7
_CONTAINERS = (dict, list)


class TooLarge(Exception):
    """Even the names and types of the arguments exceed the hard limit."""


def fit(schema: Schema) -> Schema:
    """Fit a published schema into the budget, deterministically.

    Raises:
        TooLarge: the schema is too large even after every cut.
    """
    if size(schema) <= SOFT:
        return schema
    shortest = _shorten(schema, _LENGTHS, level=0)
    if (smallest := size(shortest)) > SOFT:
        schema = shortest
    for longest in _LENGTHS if smallest <= SOFT else ():
        schema = _shorten(schema, (longest,), level=0)
        if size(schema) <= SOFT:
            return schema
    if smallest <= HARD:
        return schema
    schema = relax(_without_long_enums(schema))
    if size(schema) > HARD:
        schema = _cut_to_fit(schema)
    for longest in (160, 60, 0):
        if size(schema) <= HARD:
            return schema
        schema = {
            **schema,
            "properties": {
                name: _say(value, longest) for name, value in schema["properties"].items()
            },
        }
    if size(schema) > HARD:
        raise TooLarge(f"its arguments alone need more than {HARD >> 10} KiB")
    return schema


def size(schema: Schema) -> int:
    """Return the size of a schema as the JSON that clients get."""
    return len(orjson.dumps(schema, default=str))


def stub(schema: Schema) -> Schema:
    """Return the replacement of a schema that is cut: its type, its first words and a note."""
    said = _first(str(schema.get("description", "")), 100)
    short: Schema = {"description": f"{said} {_CUT}".strip()}
    if "type" in schema:
        short = {"type": schema["type"], **short}
    return short


def relax(schema: Schema) -> Schema:
    """Remove, at every level, the keywords that would turn a cut into a stricter schema."""
    out: Schema = {}
    for keyword, value in schema.items():
        if keyword in _STRICTER:
            continue
        if keyword == "oneOf" and "anyOf" not in schema:
            keyword = "anyOf"
        elif keyword == "oneOf":
            out["allOf"] = [*out.get("allOf", ()), {"anyOf": [relax(item) for item in value]}]
            continue
        if keyword == "allOf":
            out["allOf"] = [*out.get("allOf", ()), *(relax(item) for item in value)]
        else:
            out[keyword] = map_inside(keyword, value, relax)
    return out


def map_inside(keyword: str, value: Any, by: Any) -> Any:
    """Apply a function to the schemas directly under a keyword."""
    if type(value) not in _CONTAINERS:
        return value
    if keyword in ONE and isinstance(value, dict):
        return by(value)
    if keyword in MANY:
        return [by(item) for item in value]
    if keyword in NAMED or keyword == "$defs":
        return {name: by(item) for name, item in value.items()}
    return value


def _shorten(schema: Schema, lengths: Sequence[int], level: int) -> Schema:
    """Shorten texts below the level of arguments to each length in turn; drop titles and examples."""
    out: Schema = {}
    for keyword, value in schema.items():
        if keyword == "description" and level > 1:
            for longest in lengths:
                value = _first(value, longest)
            if value:
                out[keyword] = value
        elif keyword in {"examples", "title"} and level > 0:
            continue
        else:
            deeper = level + (keyword in {"properties", "items", "$defs"} or keyword in MANY)
            out[keyword] = map_inside(
                keyword, value, lambda item, d=deeper: _shorten(item, lengths, d)
            )
    return out


def _say(schema: Schema, longest: int) -> Schema:
    said = _first(str(schema.get("description", "")), longest)
    rest = {k: v for k, v in schema.items() if k not in {"description", "examples", "title"}}
    return {**rest, "description": said} if said else rest


def _first(text: str, longest: int) -> str:
    """Keep the first sentences of a text that fit, else the first words."""
    if len(text) <= longest:
        return text
    cut = text[:longest]
    sentence = max(cut.rfind(". "), cut.rfind("\n"))
    if sentence > longest // 3:
        return cut[: sentence + 1].strip()
    words = cut.rpartition(" ")[0]
    return f"{words or cut}…" if longest > 1 else ""


def _without_long_enums(schema: Schema) -> Schema:
    out = {k: map_inside(k, value, _without_long_enums) for k, value in schema.items()}
    values = out.get("enum")
    if isinstance(values, list) and len(values) > _MOST_VALUES:
        shown = tidy_text(", ".join(str(value) for value in values[:8]))
        said = _first(str(out.get("description", "")), 100)
        out["description"] = f"{said} One of {len(values)} values, such as {shown}.".strip()
        del out["enum"]
    return out


def _cut_to_fit(schema: Schema) -> Schema:
    """Cut a schema at the largest depth that fits the budget, or else at the smallest depth."""
    depths = _depths(schema, schema.get("$defs", {}))
    # The cost of a cut grows with its result, so the first one is the smallest.
    shorter = _cut(schema, depths, 1)
    for deepest in range(2, _DEEPEST_CUT + 1):
        longer = _cut(schema, depths, deepest)
        if size(longer) > HARD:
            break
        shorter = longer
    return shorter


def _cut(schema: Schema, depths: Mapping[str, int], deepest: int) -> Schema:
    """Replace schemas below a depth; a definition counts at its smallest depth."""
    defs = schema.get("$defs", {})

    def cut(node: Schema, depth: int) -> Schema:
        if depth >= deepest and ("$ref" in node or not _NESTING.isdisjoint(node)):
            target = defs.get(node["$ref"].removeprefix(DEFS), {}) if "$ref" in node else {}
            return stub({**target, **node})
        out: Schema = {}
        for keyword, value in node.items():
            if keyword != "$defs":
                deeper = depth + (keyword not in MANY or keyword == "prefixItems")
                out[keyword] = map_inside(keyword, value, lambda item, d=deeper: cut(item, d))
        return out

    shorter = cut(schema, 0)
    kept: Schema = {}
    queue = [shorter]
    while queue:
        for name in _references(queue.pop()):
            if name not in kept:
                kept[name] = cut(defs[name], depths[name])
                queue.append(kept[name])
    return {**shorter, "$defs": {name: kept[name] for name in sorted(kept)}} if kept else shorter


def _depths(root: Schema, defs: Schema) -> dict[str, int]:
    """Return the smallest depth at which each definition is used."""
    depths: dict[str, int] = {}
    queue: deque[tuple[Schema, int]] = deque([(root, 0)])
    while queue:
        node, depth = queue.popleft()
        if "$ref" in node:
            name = node["$ref"].removeprefix(DEFS)
            if name not in depths:
                depths[name] = depth
                queue.appendleft((defs[name], depth))
        for keyword, child in children(node):
            if keyword in MANY and keyword != "prefixItems":
                queue.appendleft((child, depth))
            else:
                queue.append((child, depth + 1))
    return depths


def _references(schema: Schema) -> list[str]:
    found: list[str] = []
    stack = [schema]
    while stack:
        node = stack.pop()
        if "$ref" in node:
            found.append(node["$ref"].removeprefix(DEFS))
        stack.extend(child for _, child in children(node))
    return found


def children(schema: Schema) -> list[tuple[str, Schema]]:
    """Return the schemas directly inside a schema, each with its keyword."""
    found: list[tuple[str, Schema]] = []
    for keyword, value in schema.items():
        if keyword in ONE:
            if isinstance(value, dict):
                found.append((keyword, value))
        elif keyword in MANY:
            found += [(keyword, item) for item in value]
        elif keyword in NAMED:
            found += [(keyword, item) for item in value.values() if isinstance(item, dict)]
    return found


def walk(schema: Schema) -> Iterator[Schema]:
    """Yield a converted schema and every schema inside it, without following references."""
    stack = [schema]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(child for _, child in children(node))


def list_references(schema: Schema) -> list[str]:
    """Return the references in a converted schema."""
    if "$ref" not in schema and _NESTING.isdisjoint(schema):
        return []
    return [node["$ref"] for node in walk(schema) if "$ref" in node]
