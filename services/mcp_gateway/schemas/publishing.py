"""Make a converted schema self-contained, and small enough for a tool.

A component that is used once or is tiny replaces its reference, and a shared or recursive one stays in
`$defs`. Levels that are too deep are cut.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any

import orjson

from mcp_gateway.schemas.all_of import ANNOTATIONS, LEFT_OUT
from mcp_gateway.schemas.budget import (
    DEFS,
    MANY,
    NAMED,
    ONE,
    Schema,
    children,
    fit,
    relax,
    stub,
    walk,
)

_MOST_NODES = 3_000
_DEEPEST = 60


class Publisher:
    """Publishes schemas of one document."""

    def __init__(
        self,
        component: Callable[[str], Schema],
        types: Callable[[Schema], frozenset[str]],
    ) -> None:
        """Take the functions that return a reference's component, and a schema's allowed types."""
        self._component = component
        self._types = types
        self._tiny: dict[str, bool] = {}

    def publish(self, root: Schema) -> Schema:
        """Make a converted schema self-contained, within the budget of one tool.

        Raises:
            TooLarge: the schema is too large even after every cut.
        """
        uses: Counter[str] = Counter()
        edges: dict[str, list[str]] = {"": []}
        depths = {"": 0}
        deepest: int | None = None
        queue: deque[tuple[str, Schema, int]] = deque([("", root, 0)])
        nodes = 0
        while queue:
            owner, node, depth = queue.popleft()
            nodes += 1
            # The walk is breadth-first, so everything deeper than this node is cut.
            if nodes > _MOST_NODES or depth > _DEEPEST:
                deepest = max(depth - 1, 1)
                break
            if "$ref" in node:
                name = node["$ref"].removeprefix(DEFS)
                uses[name] += 1
                edges[owner].append(name)
                if name not in edges:
                    edges[name] = []
                    depths[name] = depth + 1
                    queue.append((name, self._component(node["$ref"]), depth + 1))
            queue.extend((owner, child, depth + 1) for _, child in children(node))
        recursive = _recursive(edges)
        inlined = {
            name
            for name, count in uses.items()
            if name not in recursive and (count == 1 or self._is_tiny(name))
        }
        published = self._expand(root, inlined, 0, deepest)
        kept: dict[str, Schema] = {}
        unread = [published]
        while unread:
            for node in walk(unread.pop()):
                if "$ref" not in node:
                    continue
                name = node["$ref"].removeprefix(DEFS)
                if name not in kept:
                    whole = self._component(DEFS + name)
                    kept[name] = self._expand(whole, inlined, depths[name], deepest)
                    unread.append(kept[name])
        if kept:
            published["$defs"] = {name: kept[name] for name in sorted(kept)}
        return fit(published if deepest is None else relax(published))

    def _is_tiny(self, name: str) -> bool:
        """Tell whether repeating a component costs as little as referring to it."""
        if name not in self._tiny:
            schema = self._component(DEFS + name)
            holds = {*ONE, *MANY, *NAMED, "$ref"} & schema.keys()
            self._tiny[name] = not holds and len(str(schema)) < 300
        return self._tiny[name]

    def _expand(self, schema: Schema, inlined: set[str], depth: int, deepest: int | None) -> Schema:
        if deepest is not None and depth > deepest:
            return stub(schema)
        if "$ref" in schema and schema["$ref"].removeprefix(DEFS) in inlined:
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            if not beside.keys() - ANNOTATIONS:
                schema = {**self._component(schema["$ref"]), **beside}
                return self._expand(schema, inlined, depth + 1, deepest)
        out: Schema = {}
        for keyword, value in schema.items():
            if keyword == LEFT_OUT:
                continue
            if keyword in ONE and isinstance(value, dict):
                out[keyword] = self._expand(value, inlined, depth + 1, deepest)
            elif keyword in MANY:
                forms = [self._expand(item, inlined, depth + 1, deepest) for item in value]
                loose = keyword == "oneOf" and "anyOf" not in schema and not self._exclude(value)
                out["anyOf" if loose else keyword] = forms
            elif keyword in NAMED:
                out[keyword] = {
                    name: self._expand(item, inlined, depth + 1, deepest)
                    for name, item in value.items()
                }
            elif keyword == "enum":
                out[keyword] = _distinct(value)
            else:
                out[keyword] = value
        return out

    def _exclude(self, forms: list[Schema]) -> bool:
        """Tell whether the forms of a `oneOf` exclude each other, or only express a rule.

        Otherwise it becomes an `anyOf`: documents use `oneOf` for overlapping forms too, and the
        upstream accepts a call that matches two of them.
        """
        if all(not form.keys() - ANNOTATIONS - {"required", "not"} for form in forms):
            return True
        kinds = [self._types(form) for form in forms]
        kinds = [kind | {"integer"} if "number" in kind else kind for kind in kinds]
        return all(
            not kind & other or _told_apart(form, second)
            for (kind, form), (other, second) in combinations(zip(kinds, forms, strict=True), 2)
        )


def _distinct(values: list[Any]) -> list[Any]:
    """Return each value once: some editors refuse a tool whose `enum` repeats one."""
    kept: dict[bytes, Any] = {}
    for value in values:
        whole = isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53
        key = orjson.dumps(int(value) if whole else value, option=orjson.OPT_SORT_KEYS)
        kept.setdefault(key, value)
    return list(kept.values())


def _told_apart(one: Schema, two: Schema) -> bool:
    """Tell whether both require a property whose allowed values differ."""
    for name in {*one.get("required", ())} & {*two.get("required", ())}:
        values = []
        for form in (one, two):
            said = form.get("properties", {}).get(name, {})
            values.append([said["const"]] if "const" in said else said.get("enum"))
        if values[0] and values[1] and not any(value in values[1] for value in values[0]):
            return True
    return False


def _recursive(edges: Mapping[str, list[str]]) -> set[str]:
    """Return at least one component of every cycle: those that a depth-first walk returns to."""
    found: set[str] = set()
    open_, done = {""}, set()
    stack = [("", iter(edges[""]))]
    while stack:
        name, rest = stack[-1]
        following = next(rest, None)
        if following is None:
            stack.pop()
            open_.discard(name)
            done.add(name)
        elif following in open_:
            found.add(following)
        elif following not in done:
            open_.add(following)
            stack.append((following, iter(edges[following])))
    return found
