"""Find the keys that a JSON Schema knows at a place, to propose one for a key that it doesn't."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]


def known_keys(schema: Schema, place: Sequence[int | str]) -> list[str]:
    """List the keys of the objects that may stand at a place of a document.

    Args:
        schema: as pydantic writes it, with `$defs`.
        place: keys and positions, in which pydantic also names the choice of a union.
    """
    nodes = [schema]
    for part in place:
        nodes = [inner for node in _choices(nodes, schema) for inner in _step(node, part)]
    return [key for node in _choices(nodes, schema) for key in node.get("properties", {})]


def _choices(nodes: Sequence[Schema], root: Schema) -> Iterator[Schema]:
    for node in nodes:
        name = str(node.get("$ref", "")).rpartition("/")[2]
        inner = [root.get("$defs", {}).get(name, {})] if name else []
        for key in ("anyOf", "oneOf", "allOf"):
            inner += node.get(key, [])
        if inner:
            yield from _choices(inner, root)
        else:
            yield node


def _step(node: Schema, part: int | str) -> Iterator[Schema]:
    if part in node.get("properties", {}):
        yield node["properties"][part]
    elif isinstance(part, int):
        yield node.get("items", {})
    elif isinstance(others := node.get("additionalProperties"), Mapping):
        yield others
    else:
        yield node  # the part names the choice of a union
