"""Read an operation's declared responses."""

from collections.abc import Iterable
from typing import Any

from mcp_gateway.documents.media_types import is_media_type
from mcp_gateway.documents.references import UnresolvableReference
from mcp_gateway.openapi.document import FoundOperation, OpenApiDocument
from mcp_gateway.requests.bodies import is_json


def find_answer(document: OpenApiDocument, found: FoundOperation) -> Any:
    """Return the unconverted schema of a successful JSON answer, or None."""
    for status, source in _responses(document, found).items():
        if not str(status).startswith("2"):
            continue
        try:
            response = document.references.follow(source)
        except UnresolvableReference:
            continue
        content = response.get("content") if isinstance(response, dict) else None
        for kind, media in content.items() if isinstance(content, dict) else ():
            if (is_json(kind) or kind == "*/*") and isinstance(media, dict):
                return media.get("schema")
    return None


def list_responses(document: OpenApiDocument, found: FoundOperation) -> dict[str, tuple[str, ...]]:
    """Return the content types that each status may have."""
    declared: dict[str, tuple[str, ...]] = {}
    for status, source in _responses(document, found).items():
        try:
            response = document.references.follow(source)
        except UnresolvableReference:
            continue  # Only requests must be described exactly; any answer can be read.
        content = response.get("content") if isinstance(response, dict) else None
        declared[status] = _media_types(content) if isinstance(content, dict) else ()
    return declared


def _responses(document: OpenApiDocument, found: FoundOperation) -> dict[str, Any]:
    try:
        responses = document.references.follow(found.node.get("responses"))
    except UnresolvableReference:
        responses = None
    return responses if isinstance(responses, dict) else {}


def _media_types(content: Iterable[str]) -> tuple[str, ...]:
    return tuple(kind for kind in content if is_media_type(kind))
