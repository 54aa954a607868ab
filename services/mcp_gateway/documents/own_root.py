"""Find the schema that `#` means inside a schema: its own root, not the document's.

`$recursiveRef: "#"` (2019-09) and a `$ref` or `$dynamicRef` that is only `#` come from schemas that
were documents of their own. Their root is the nearest schema around them that has an `$id` or
`$recursiveAnchor: true`, else the named schema, or the schema of a parameter or a body.
"""

from collections.abc import Mapping
from typing import Any

_REFERENCES = ("$recursiveRef", "$dynamicRef", "$ref")
_NAMED = frozenset({"schemas", "definitions", "x-gatepost-files"})


def find_own_roots(document: Mapping[str, Any]) -> dict[int, str]:
    """Map the id of every object that refers to `#` to the reference of its own root."""
    found: dict[int, str] = {}
    seen: set[int] = set()
    # Each value with its JSON Pointer, the pointer of its root, and the key of the mapping it is in.
    stack: list[tuple[Any, str, str, str]] = [(document, "#", "#", "")]
    while stack:
        node, pointer, root, key = stack.pop()
        if not isinstance(node, dict | list) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, list):
            stack += [(child, f"{pointer}/{n}", root, "") for n, child in enumerate(node)]
            continue
        if isinstance(node.get("$id"), str) or node.get("$recursiveAnchor") is True:
            root = pointer
        if any(node.get(reference) == "#" for reference in _REFERENCES):
            found[id(node)] = root
        for name, child in node.items():
            place = f"{pointer}/{name.replace('~', '~0').replace('/', '~1').replace('%', '%25')}"
            starts = name == "schema" or (key in _NAMED and root == "#")
            stack.append((child, place, place if starts else root, name))
    return found
