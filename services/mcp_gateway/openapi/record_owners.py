"""Find the fields that tell whose record an answer is, if the document guarantees them."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from mcp_gateway.documents.references import References, UnresolvableReference
from mcp_gateway.openapi.document import FoundOperation, OpenApiDocument
from mcp_gateway.openapi.responses import find_answer
from mcp_gateway.results.fields import EACH, PLACE_PATTERN, FieldPath, format_field

_DEEPEST = 4
_MOST = 5


def find_owners(
    document: OpenApiDocument, found: FoundOperation, names: Collection[str]
) -> tuple[FieldPath, ...]:
    """Find the fields of a successful answer that have one of these names.

    Only fields that every answer has count: a check of a missing field withholds the answer.
    """
    answer = find_answer(document, found)
    places = _walk(answer, (), document.references, frozenset(names), 0) if names else ()
    named = (place for place in places if re.fullmatch(PLACE_PATTERN, format_field(place)))
    return tuple(named)[:_MOST]


def _walk(
    source: Any, path: FieldPath, references: References, names: frozenset[str], depth: int
) -> Iterator[FieldPath]:
    schema = _whole(source, references)
    if depth > _DEEPEST:
        return
    if schema.get("type") == "array":
        yield from _walk(schema.get("items"), (*path, EACH), references, names, depth + 1)
    for name, member in schema["properties"].items():
        if name not in schema["required"]:
            continue
        if name in names and _whole(member, references).get("type") in ("string", "integer"):
            yield (*path, name)
        else:
            yield from _walk(member, (*path, name), references, names, depth + 1)


def _whole(source: Any, references: References, depth: int = 0) -> dict[str, Any]:
    """Return a schema's type, properties and required names, including those of `allOf`."""
    try:
        schema = references.follow(source)
    except UnresolvableReference:
        schema = None
    whole: dict[str, Any] = {"properties": {}, "required": set()}
    # A nullable object may be missing.
    if not isinstance(schema, Mapping) or schema.get("nullable") is True or depth > _DEEPEST:
        return whole
    parts = schema.get("allOf")
    for part in parts if isinstance(parts, list) else ():
        inner = _whole(part, references, depth + 1)
        whole["properties"] |= inner["properties"]
        whole["required"] |= inner["required"]
        whole |= {key: inner[key] for key in ("type", "items") if key in inner}
    whole |= {key: schema[key] for key in ("type", "items") if key in schema}
    if isinstance(schema.get("properties"), Mapping):
        whole["properties"] |= schema["properties"]
    if isinstance(schema.get("required"), list):
        whole["required"] |= {name for name in schema["required"] if isinstance(name, str)}
    return whole
