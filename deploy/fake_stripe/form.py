"""Read Stripe's form encoding, in which brackets nest values: `items[0][price]=…`."""

import re
from typing import Any
from urllib.parse import parse_qsl

Params = dict[str, Any]

_PART = re.compile(r"[^\[\]]+")


def parse_form(encoded: str) -> Params:
    """Read a query string or body; keys that are all numbers or empty become lists."""
    tree: Params = {}
    for count, (name, value) in enumerate(parse_qsl(encoded, keep_blank_values=True)):
        parts = _PART.findall(name)
        if name.endswith("[]"):
            parts.append(str(count))
        node = tree
        for part in parts[:-1]:
            node = node.setdefault(part, {})
        node[parts[-1]] = value
    return {name: _lists(value) for name, value in tree.items()}


def _lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    values = {name: _lists(value) for name, value in node.items()}
    if values and all(name.isdigit() for name in values):
        return [values[name] for name in sorted(values, key=int)]
    return values
