"""Path arguments whose values are paths themselves."""

import re
from dataclasses import replace

from mcp_gateway.manifest.entries import ManifestError, ToolEntry
from mcp_gateway.openapi.arguments import ImportedOperation
from mcp_gateway.openapi.document import (
    OpenApiDocument,
)


def allow_slashes(
    entry: ToolEntry, document: OpenApiDocument, imported: ImportedOperation
) -> ImportedOperation:
    """Let values at the end of the path be paths, where that reaches no other operation."""
    if not entry.slashes:
        return imported
    operation = imported.operation
    for argument in entry.slashes:
        where = f".slashes.{argument}"
        named = next((p for p in operation.parameters if p.argument == argument), None)
        if named is None or named.location != "path" or named.style != "simple":
            raise ManifestError(f"{where}: no plain argument of the path; take it out")
        if not operation.path.endswith(f"/{{{named.name}}}"):
            raise ManifestError(f"{where}: something follows it in the path; take it out")
        folder = _shape_of(operation.path).removesuffix("{}")
        for other in document.operations:
            tail = _shape_of(other.path).removeprefix(folder)
            if "/" in tail and len(tail) < len(_shape_of(other.path)):
                raise ManifestError(f"{where}: a value could reach {other.key}; take it out")
    parameters = tuple(
        replace(p, slashes=p.argument in entry.slashes) for p in operation.parameters
    )
    return replace(imported, operation=replace(operation, parameters=parameters))


def _shape_of(path: str) -> str:
    """Write a path template without the names of its parts."""
    return re.sub(r"\{[^{}]*\}", "{}", path)
