"""An OpenAPI 3.0 or 3.1 document: its operations, found but not yet turned into tools.

Reading is cheap and never fails for one bad operation: what is wrong with an operation shows when
it is imported (`arguments.import_operation`), and is that operation's reason alone.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_gateway.tools.document import DocumentError, read_document
from mcp_gateway.tools.references import References, UnresolvableReference
from mcp_gateway.tools.schemas import Schemas, tidy_text

METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace")


class UnknownOperation(Exception):
    """The document has no such operation; the message holds the nearest ones."""


@dataclass(frozen=True, slots=True)
class FoundOperation:
    """One operation as the document has it."""

    method: str
    """In capitals."""
    path: str
    operation_id: str | None
    summary: str
    description: str
    tags: tuple[str, ...]
    deprecated: bool
    node: Mapping[str, Any]
    path_item: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Name it as `GET /path`, which every operation has and no two share."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class OpenApiDocument:
    """A document whose operations can be found and imported."""

    title: str
    root: Mapping[str, Any]
    servers: tuple[str, ...]
    operations: tuple[FoundOperation, ...]
    unreadable: tuple[tuple[str, str], ...]
    """Path (and method) to the reason, for what is not even an operation."""
    references: References
    schemas: Schemas

    def find(self, reference: str) -> FoundOperation:
        """Find an operation by its operationId or as `GET /path`.

        Raises:
            UnknownOperation: there is none, or several share that operationId.
        """
        method, _, path = reference.partition(" ")
        key = f"{method.upper()} {path}"
        matching = [op for op in self.operations if op.key == key] or [
            op for op in self.operations if op.operation_id == reference
        ]
        if len(matching) > 1:
            keys = " or ".join(repr(op.key) for op in matching[:3])
            raise UnknownOperation(f"several operations are called {reference!r}; write {keys}")
        if matching:
            return matching[0]
        names = [name for op in self.operations for name in (op.operation_id, op.key) if name]
        near = difflib.get_close_matches(reference, names, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UnknownOperation(f"the OpenAPI document has no operation {reference!r}{hint}")


def load_openapi(path: Path) -> OpenApiDocument:
    """Read an OpenAPI document from a JSON or YAML file.

    Raises:
        DocumentError: it can't be read or is no OpenAPI 3.0 or 3.1 document.
    """
    return read_openapi(read_document(path))


def read_openapi(root: dict[str, Any]) -> OpenApiDocument:
    """Find the operations of a parsed document.

    Raises:
        DocumentError: it is no OpenAPI 3.0 or 3.1 document.
    """
    version = _require_version(root)
    references = References(root)
    paths = root.get("paths", {})
    if not isinstance(paths, dict):
        raise DocumentError("has no paths: `paths` is not a mapping")
    operations: list[FoundOperation] = []
    unreadable: list[tuple[str, str]] = []
    for path, source in paths.items():
        if path.startswith("x-"):
            continue
        try:
            item = _resolve_path_item(references, source)
        except UnresolvableReference as error:
            unreadable.append((path, str(error)))
            continue
        for method in METHODS:
            if method not in item:
                continue
            node = item[method]
            if not isinstance(node, dict):
                unreadable.append((f"{method.upper()} {path}", "the operation is not an object"))
                continue
            operations.append(_find(method, path, node, item))
    info = root.get("info")
    return OpenApiDocument(
        title=_text(info, "title") if isinstance(info, dict) else "",
        root=root,
        servers=server_urls(root),
        operations=tuple(operations),
        unreadable=tuple(unreadable),
        references=references,
        schemas=Schemas(references, openapi_30=version.startswith("3.0")),
    )


def server_urls(node: Mapping[str, Any]) -> tuple[str, ...]:
    """List the server URLs that a document, path or operation declares."""
    servers = node.get("servers")
    urls = [s.get("url") for s in servers if isinstance(s, dict)] if servers else []
    return tuple(url for url in urls if isinstance(url, str))


def _require_version(root: Mapping[str, Any]) -> str:
    if "swagger" in root:
        raise DocumentError(
            f"is a Swagger {str(root['swagger'])[:20]} document; convert it to OpenAPI 3.0 first"
        )
    version = str(root.get("openapi", ""))[:20]
    if not version.startswith(("3.0", "3.1")):
        if not version:
            raise DocumentError("is no OpenAPI document: it has no `openapi` version")
        raise DocumentError(f"is an OpenAPI {version} document; 3.0 and 3.1 are supported")
    return version


def _resolve_path_item(references: References, source: Any) -> dict[str, Any]:
    """Follow a path item's `$ref`; fields beside it are kept where the target has none."""
    target = references.follow(source)
    if not isinstance(target, dict) or not isinstance(source, dict):
        raise UnresolvableReference("the path item is not an object")
    if target is source:
        return source
    return {**{key: value for key, value in source.items() if key != "$ref"}, **target}


def _find(
    method: str, path: str, node: dict[str, Any], path_item: dict[str, Any]
) -> FoundOperation:
    tags = node.get("tags")
    return FoundOperation(
        method=method.upper(),
        path=path,
        operation_id=_text(node, "operationId") or None,
        summary=_text(node, "summary") or _text(path_item, "summary"),
        description=_text(node, "description") or _text(path_item, "description"),
        tags=tuple(t for t in tags if isinstance(t, str)) if isinstance(tags, list) else (),
        deprecated=node.get("deprecated") is True,
        node=node,
        path_item=path_item,
    )


def _text(node: Mapping[str, Any], key: str) -> str:
    value = node.get(key)
    return tidy_text(value) if isinstance(value, str) else ""
