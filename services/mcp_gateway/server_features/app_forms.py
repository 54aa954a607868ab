"""Describe a tool's arguments as the inputs of a form."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from mcp_gateway.catalogue.apps import name_label
from mcp_gateway.catalogue.tool import Tool

_LONG = 300
"""Texts that may be longer get several lines."""
_LONG_NAMES = frozenset({"description", "body", "text", "content", "notes", "comment", "message"})
_MOST_OPTIONS = 500
_DEEPEST = 5


def describe_inputs(tool: Tool, hidden: Collection[str]) -> Iterator[dict[str, Any]]:
    """Yield an input for each argument that the person fills in, required ones first."""
    schema = tool.input_schema
    required = schema.get("required", ())
    shown = [name for name in schema["properties"] if name not in hidden and name != tool.purpose]
    for name in sorted(shown, key=lambda name: name not in required):
        yield _describe(name, schema["properties"][name], schema, required=name in required)


def _describe(
    name: str, source: Mapping[str, Any], root: Mapping[str, Any], *, required: bool
) -> dict[str, Any]:
    schema, nullable = _plain(source, root)
    kind = _kind_of(name, schema, root)
    described: dict[str, Any] = {
        "name": name,
        "label": name_label(name),
        "kind": kind,
        "required": required,
    }
    # What an emptied input sends in a change; without it, the input can't be emptied.
    if nullable:
        described["empty"] = None
    elif kind in ("lines", "choices") and not schema.get("minItems"):
        described["empty"] = []
    elif kind in ("text", "long") and not schema.get("minLength"):
        described["empty"] = ""
    if said := source.get("description", schema.get("description")):
        described["help"] = said
    if kind in ("choice", "choices"):
        listed = schema if kind == "choice" else _plain(schema["items"], root)[0]
        described["options"] = [one for one in listed["enum"] if one is not None]
    for key, keyword in (
        ("least", "minimum"),
        ("most", "maximum"),
        ("short", "minLength"),
        ("long", "maxLength"),
    ):
        if keyword in schema:
            described[key] = schema[keyword]
    if "default" in source:
        described["default"] = source["default"]
    return described


def _plain(source: Any, root: Mapping[str, Any], depth: int = 0) -> tuple[Mapping[str, Any], bool]:
    """Return a schema without references and null, and whether null is allowed."""
    if not isinstance(source, Mapping) or depth > _DEEPEST:
        return {}, False
    if isinstance(ref := source.get("$ref"), str) and ref.startswith("#/"):
        target: Any = root
        for part in ref[2:].split("/"):
            part = part.replace("~1", "/").replace("~0", "~")
            target = target.get(part) if isinstance(target, Mapping) else None
        return _plain(target, root, depth + 1)
    for key in ("anyOf", "oneOf"):
        choices = source.get(key)
        if isinstance(choices, list):
            left = [one for one in choices if one != {"type": "null"}]
            if len(left) == 1:
                return _plain(left[0], root, depth + 1)[0], len(left) < len(choices)
    kinds = source.get("type")
    if isinstance(kinds, list):
        left = [kind for kind in kinds if kind != "null"]
        return {**source, "type": left[0] if len(left) == 1 else None}, "null" in kinds
    return source, False


def _kind_of(name: str, schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    options = schema.get("enum")
    if isinstance(options, list) and 0 < len(options) <= _MOST_OPTIONS:
        return "choice"
    match schema.get("type"):
        case "boolean":
            return "flag"
        case "integer" | "number" as kind:
            return str(kind)
        case "string":
            return _text_kind(name, schema)
        case "array":
            return _list_kind(_plain(schema.get("items"), root)[0])
    return "json"


def _text_kind(name: str, schema: Mapping[str, Any]) -> str:
    if schema.get("format") in ("date", "date-time"):
        return "date" if schema["format"] == "date" else "time"
    return "long" if schema.get("maxLength", 0) > _LONG and name in _LONG_NAMES else "text"


def _list_kind(items: Mapping[str, Any]) -> str:
    options = items.get("enum")
    if isinstance(options, list) and 0 < len(options) <= _MOST_OPTIONS:
        return "choices"
    return "lines" if items.get("type") == "string" else "json"
