"""Find in the document what a tool's answer holds, for its app."""

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_gateway.catalogue.apps import AppField, name_label
from mcp_gateway.documents.references import References, UnresolvableReference
from mcp_gateway.results.fields import EACH, FieldPath, format_field
from mcp_gateway.text import tidy_text

MOST_COLUMNS = 6
MOST_LINES = 40
_DEEPEST = 5
_NAMES = ("title", "name", "subject", "summary", "label", "display_name", "full_name", "number")
_LONG = frozenset({"description", "body", "text", "content", "notes", "comment", "message", "html"})
_LONGEST_LABEL = 60
Properties = Mapping[str, Any]


def merge_schema(source: Any, references: References, depth: int = 0) -> dict[str, Any]:
    """Return a schema with its references and `allOf` merged, without null; empty if unknown."""
    try:
        schema = references.follow(source)
    except UnresolvableReference:
        schema = None
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return {}
    merged: dict[str, Any] = {}
    for key in ("anyOf", "oneOf"):
        choices = [one for one in _list(schema.get(key)) if not _is_null(one)]
        if len(choices) == 1:
            merged |= merge_schema(choices[0], references, depth + 1)
    for part in _list(schema.get("allOf")):
        inner = merge_schema(part, references, depth + 1)
        properties = {**merged.get("properties", {}), **inner.get("properties", {})}
        merged |= {**inner, **({"properties": properties} if properties else {})}
    own = {key: value for key, value in schema.items() if key not in ("allOf", "anyOf", "oneOf")}
    if isinstance(own.get("properties"), Mapping):
        own["properties"] = {**merged.get("properties", {}), **own["properties"]}
    merged |= own
    if isinstance(source, Mapping) and "$ref" in source:
        # The title of what a reference names is the name of a type, not of this field.
        merged["title"] = source.get("title")
    if isinstance(merged.get("type"), list):
        kinds = [kind for kind in merged["type"] if kind != "null"]
        merged["type"] = kinds[0] if len(kinds) == 1 else None
    return merged


def find_lists(
    answer: dict[str, Any], references: References, path: FieldPath = ()
) -> Iterator[FieldPath]:
    """Yield the paths of the lists of objects in an answer, and in objects of it."""
    if answer.get("type") == "array" or "items" in answer:
        item = merge_schema(answer.get("items"), references)
        if properties_of(item):
            yield path
    elif len(path) < 2:
        for name, source in properties_of(answer).items():
            yield from find_lists(merge_schema(source, references), references, (*path, name))


def schema_at(answer: dict[str, Any], path: FieldPath, references: References) -> dict[str, Any]:
    """Return the schema of a field, or an empty one if the document doesn't describe it."""
    for part in path:
        source = answer.get("items") if part == EACH else properties_of(answer).get(part)
        answer = merge_schema(source, references)
    return answer


def properties_of(schema: Mapping[str, Any]) -> Properties:
    """Return the properties of an object's schema."""
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def describe_field(path: FieldPath, schema: Mapping[str, Any]) -> AppField:
    """Return the field with a label for people, and how its values are written."""
    name = [part for part in path if part != EACH][-1]
    return AppField(label_of(name, schema), path, _kind_of(name, schema))


def choose_columns(record: Mapping[str, Any], references: References) -> list[FieldPath]:
    """Choose the columns of a table: a name first, then choices and values, dates last."""
    ranked: list[tuple[int, str]] = []
    for name, source in properties_of(record).items():
        schema = merge_schema(source, references)
        if (rank := _rank(name, schema)) is not None:
            ranked.append((rank, name))
    ranked.sort(key=lambda one: one[0])
    chosen = [name for _, name in ranked] or list(properties_of(record))
    return [(name,) for name in chosen[:MOST_COLUMNS]]


def label_of(name: str, schema: Mapping[str, Any]) -> str:
    """Return a property's title, or a label made from its name, such as `Due on`."""
    made = name_label(name)
    title = schema.get("title")
    said = tidy_text(title) if isinstance(title, str) else ""
    same = said.replace(" ", "").casefold() == made.replace(" ", "").casefold()
    return made if not said or same or len(said) > _LONGEST_LABEL else said


def is_shown(path: FieldPath, fields: tuple[FieldPath, ...]) -> bool:
    """Tell whether the fields that a manifest's shape keeps include a path, or a part of it."""
    return not fields or any(
        path[: len(field)] == field or field[: len(path)] == path for field in fields
    )


def known_names(record: Mapping[str, Any]) -> str:
    """List the names of a record's fields, for a message."""
    return ", ".join(format_field((name,)) for name in sorted(properties_of(record))) or "none"


def _rank(name: str, schema: Mapping[str, Any]) -> int | None:
    """Return the place of a property among columns; None keeps it out."""
    lower = name.lower()
    if lower in _NAMES:
        return _NAMES.index(lower)
    if lower in _LONG or lower == "id" or lower.endswith(("_id", "_ids", "url", "uri")):
        return None
    kind = _kind_of(name, schema)
    scalar = schema.get("type") in ("string", "integer", "number", "boolean")
    if kind in ("choice", "flag"):
        return 20
    if kind in ("date", "time"):
        return 50 if lower.startswith(("created", "updated", "modified", "completed")) else 25
    if kind == "list":
        return 40
    return 30 if scalar else None


def _kind_of(name: str, schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "choice"
    match schema.get("type"), schema.get("format"):
        case "string", "date":
            return "date"
        case "string", "date-time":
            return "time"
        case "integer" | "number", _:
            lower = name.lower()
            return (
                "plain" if lower in ("id", "number", "year") or lower.endswith("id") else "number"
            )
        case "boolean", _:
            return "flag"
        case "array", _:
            return "list"
    return ""


def _is_null(source: Any) -> bool:
    return isinstance(source, Mapping) and source.get("type") == "null"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
