"""Find paths that the documented answer of a tool does not have."""

import difflib
from collections.abc import Mapping
from typing import Any

from mcp_gateway.documents.references import References
from mcp_gateway.manifest.apps.fields import known_names, merge_schema, properties_of
from mcp_gateway.manifest.entries import ToolEntry
from mcp_gateway.openapi.responses import find_answer
from mcp_gateway.results.fields import EACH, FieldPath, format_field
from mcp_gateway.review.lint.finding import ReviewedManifest

Schema = Mapping[str, Any]


def answer_of(reviewed: ReviewedManifest, entry: ToolEntry) -> Schema:
    """Return the schema of a tool's answer; empty if the document does not describe it."""
    if not entry.operation:
        return {}
    answer = find_answer(reviewed.document, reviewed.document.find(entry.operation))
    return merge_schema(answer, reviewed.document.references)


def find_gap(
    answer: Schema, path: FieldPath, references: References, *, into: str = EACH
) -> str | None:
    """Return what to write instead of a path that the answer does not have; None if it may have it.

    Args:
        answer: the schema where the path begins.
        path: names of members; `[]` or a position leads into a list.
        references: resolves references of the schema.
        into: the part to propose where a path has to lead into a list and does not.
    """
    for place, part in enumerate(path):
        if is_list(answer):
            if part != EACH and not part.isdecimal():
                return f"did you mean {format_field((*path[:place], into, *path[place:]))}?"
            answer = items_of(answer, references)
            continue
        known = properties_of(answer)
        if not known:
            return None
        if part not in known:
            near = difflib.get_close_matches(part, known, n=1)
            if near:
                return f"did you mean {format_field((*path[:place], *near))}?"
            return f"it has {known_names(dict(answer))}"
        answer = merge_schema(known[part], references)
    return None


def follow(answer: Schema, path: FieldPath, references: References) -> Schema:
    """Return the schema at a path; empty if the document does not describe it."""
    for part in path:
        if is_list(answer):
            answer = items_of(answer, references)
        else:
            answer = merge_schema(properties_of(answer).get(part), references)
    return answer


def is_list(schema: Schema) -> bool:
    """Tell whether a schema describes a list."""
    return schema.get("type") == "array" or "items" in schema


def items_of(schema: Schema, references: References) -> Schema:
    """Return the schema of each item of a list; empty if the document does not describe it."""
    return merge_schema(schema.get("items"), references)
