"""Allow path arguments whose values are paths themselves."""

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
    """Allow slashes in values at the end of the path if they can't reach another operation."""
    if not entry.slashes:
        return imported
    operation = imported.operation
    for argument in entry.slashes:
        where = f".slashes.{argument}"
        named = next((p for p in operation.parameters if p.argument == argument), None)
        if named is None or named.location != "path" or named.style != "simple":
            raise ManifestError(f"{where}: is not a plain argument of the path; remove it")
        if not operation.path.endswith(f"/{{{named.name}}}"):
            raise ManifestError(f"{where}: the path continues after it; remove it")
        folder = _shape_of(operation.path).removesuffix("{}")
        for other in document.operations:
            tail = _shape_of(other.path).removeprefix(folder)
            if "/" in tail and len(tail) < len(_shape_of(other.path)):
                raise ManifestError(f"{where}: a value could reach {other.key}; remove it")
    parameters = tuple(
        replace(p, slashes=p.argument in entry.slashes) for p in operation.parameters
    )
    return replace(imported, operation=replace(operation, parameters=parameters))


def _shape_of(path: str) -> str:
    """Return a path template without the names of its parts."""
    return re.sub(r"\{[^{}]*\}", "{}", path)
