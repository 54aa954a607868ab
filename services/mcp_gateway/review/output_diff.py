"""Compare published output schemas from the view of programs that read the answers."""

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_gateway.review.schema_diff import SchemaChange
from mcp_gateway.schemas.budget import DEFS

_Facts = dict[str, tuple[frozenset[str], bool]]
"""Each member by its path: its types, empty for any, and whether it is always there."""


def compare_outputs(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> Iterator[SchemaChange]:
    """Yield the changes: one is breaking if an answer may have a form that it could not have before."""
    if old == new:
        return
    if old is None:
        yield "additive", "publishes the schema of its answer"
        return
    if new is None:
        yield "breaking", "no longer publishes the schema of its answer"
        return
    changes = list(_compare(dict(_facts(old)), dict(_facts(new))))
    yield from changes or [("wording", "the published schema of its answer changed")]


def _compare(before: _Facts, now: _Facts) -> Iterator[SchemaChange]:
    for place in before.keys() - now.keys():
        yield "breaking", f"{place}, a member of its answer, is no longer described"
    for place in before.keys() & now.keys():
        (kinds, always), (new_kinds, still) = before[place], now[place]
        if kinds and not (new_kinds and new_kinds <= kinds):
            said = " or ".join(sorted(new_kinds)) or "anything"
            yield "breaking", f"{place}, a member of its answer, may be {said} now"
        if always and not still:
            yield "breaking", f"{place}, a member of its answer, may be missing now"
    for place in now.keys() - before.keys():
        yield "additive", f"{place} is a new member of its answer"


def _facts(root: Mapping[str, Any]) -> Iterator[tuple[str, tuple[frozenset[str], bool]]]:
    """Yield what a schema says of each member, of a recursive one once."""
    wanted = root.get("anyOf", [{}])[0].get("required", ())
    rest = [("", {**root, "required": wanted, "anyOf": []}, False, frozenset[str]())]
    while rest:
        place, schema, always, above = rest.pop()
        kinds: set[str] = set()
        if forms := schema.get("anyOf"):
            schema, kinds = forms[0], {"null"}
        if "$ref" in schema:
            if schema["$ref"] in above:
                continue
            above |= {schema["$ref"]}
            schema = root["$defs"][schema["$ref"].removeprefix(DEFS)]
        declared = schema.get("type", [])
        declared = [declared] if isinstance(declared, str) else declared
        if declared:
            kinds |= {*declared} | ({"integer"} if "number" in declared else set())
        if place:
            yield place, (frozenset(kinds if declared else ()), always)
        required = schema.get("required", ())
        for name, member in schema.get("properties", {}).items():
            inner = f"{place}.{name}" if place else name
            rest.append((inner, member, name in required, above))
        if "items" in schema:
            rest.append((f"{place}[]", schema["items"], False, above))
