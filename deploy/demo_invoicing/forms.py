"""URL-encoded forms, in which brackets nest values: `lines[0][amount]=1200`."""

import re
from typing import Any
from urllib.parse import parse_qsl

from demo_invoicing.errors import Refused, invalid

Params = dict[str, Any]
FORM = "application/x-www-form-urlencoded"
_PART = re.compile(r"[^\[\]]+")
_MOST = 1000


def read_params(encoded: str) -> Params:
    """Read a query string or a body; keys that are all numbers become lists.

    Raises:
        Refused: it has too many fields, or a field is a value and an object at once.
    """
    tree: Params = {}
    try:
        fields = parse_qsl(encoded, keep_blank_values=True, max_num_fields=_MOST)
    except ValueError:
        raise Refused(400, "invalid_request", f"Send at most {_MOST} fields.") from None
    for name, value in fields:
        *parents, last = _PART.findall(name) or [name]
        node = tree
        for part in parents:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise invalid("has a value and fields", name[:64])
        if last in node:
            raise invalid("is given twice", name[:64])
        node[last] = value
    return {name: _lists(value) for name, value in tree.items()}


def _lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    values = {name: _lists(value) for name, value in node.items()}
    if values and all(name.isascii() and name.isdigit() for name in values):
        return [values[name] for name in sorted(values, key=int)]
    return values


def take_text(params: Params, name: str, *, most: int = 500) -> str:
    """Take a text that is not empty.

    Raises:
        Refused: it is missing, empty, longer, or not a text.
    """
    value = params.pop(name, "")
    if not isinstance(value, str) or not value.strip():
        raise invalid(f"{name} is required", name)
    if len(value) > most:
        raise invalid(f"{name} has at most {most} characters", name)
    return value.strip()


def take_optional(params: Params, name: str, *, most: int = 500) -> str | None:
    """Take a text if it is there."""
    return take_text(params, name, most=most) if name in params else None


def take_number(
    params: Params, name: str, least: int, most: int, default: int | None = None
) -> int:
    """Take a whole number.

    Raises:
        Refused: it is missing without a default, or not a whole number between the bounds.
    """
    value = params.pop(name, None)
    if value is None and default is not None:
        return default
    text = value if isinstance(value, str) else ""
    # Longer numbers are out of range, and slow to read.
    if not re.fullmatch(r"-?[0-9]{1,15}", text) or not least <= int(text) <= most:
        raise invalid(f"{name} must be a whole number from {least} to {most}", name)
    return int(text)


def refuse_others(params: Params) -> None:
    """Refuse parameters that nothing took, since they are probably typing errors.

    Raises:
        Refused: there is one.
    """
    for name in params:
        raise invalid(f"{name[:64]} is not a parameter here", name[:64])
