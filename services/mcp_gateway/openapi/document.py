"""Find the operations of an OpenAPI 3.x or Swagger 2.0 document, before they become tools.

Reading is cheap and never fails because of one bad operation: `arguments.import_operation` reports
the problems of an operation when it is imported.
"""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatepost.document import DocumentError
from mcp_gateway.catalogue.security_scheme import SecurityScheme
from mcp_gateway.documents.fetch import fetch_public
from mcp_gateway.documents.markup import plain_text
from mcp_gateway.documents.references import References, UnresolvableReference
from mcp_gateway.documents.sources import Fetch, Source, read_source
from mcp_gateway.documents.swagger2 import upgrade
from mcp_gateway.documents.tool_list import TOOL_LIST, describe_tools, is_tool_list
from mcp_gateway.openapi.security import read_security_schemes
from mcp_gateway.openapi.servers import is_absolute, server_urls
from mcp_gateway.schemas.convert import Schemas
from mcp_gateway.text import tidy_text

METHODS = ("get", "head", "post", "put", "patch", "delete", "query", "options", "trace")
SAFE_METHODS = frozenset({"GET", "HEAD", "QUERY"})
"""Methods that change nothing (RFC 9110 §9.2.1; OpenAPI 3.2 §4.9)."""
_MOST_OPERATIONS = 50_000


class UnknownOperation(Exception):
    """The document does not have this operation; the message suggests similar ones."""


@dataclass(frozen=True, slots=True)
class FoundOperation:
    """One operation, as the document describes it."""

    method: str
    """In upper case."""
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
        """The unique name `GET /path`."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class OpenApiDocument:
    """A document whose operations can be found and imported."""

    title: str
    version: str
    """The version of OpenAPI or Swagger that the document states; `TOOL_LIST` for a tool list."""
    root: Mapping[str, Any]
    servers: tuple[str, ...]
    operations: tuple[FoundOperation, ...]
    unreadable: tuple[tuple[str, str], ...]
    """Path, or method and path, to the reason why it can't be read."""
    references: References
    schemas: Schemas
    security_schemes: Mapping[str, SecurityScheme] = field(default_factory=dict)
    """The security schemes by name; the operator configures them, and models never see them."""
    url: str = ""
    """The URL that it was fetched from, if any."""
    notes: tuple[str, ...] = ()
    """Notes for a person about how the document was read."""
    index: Mapping[str, list[FoundOperation]] = field(default_factory=dict)
    """The operations by `GET /path` and by operationId."""
    content: bytes = b""
    """The copy to keep beside a manifest; empty if the document was passed as values."""

    @property
    def is_mcp(self) -> bool:
        """Whether the document is the tool list of an MCP server."""
        return self.version == TOOL_LIST

    def find(self, reference: str) -> FoundOperation:
        """Find an operation by its operationId or as `GET /path`.

        Raises:
            UnknownOperation: it does not exist, or several operations share that operationId.
        """
        method, _, path = reference.partition(" ")
        matching = self.index.get(f"{method.upper()} {path}") or self.index.get(reference, [])
        if len(matching) > 1:
            keys = " or ".join(repr(op.key) for op in matching[:3])
            raise UnknownOperation(f"several operations are called {reference!r}; write {keys}")
        if matching:
            return matching[0]
        names = [name for op in self.operations for name in (op.operation_id, op.key) if name]
        near = difflib.get_close_matches(reference, names, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UnknownOperation(
            f"the OpenAPI document does not have an operation {reference!r}{hint}"
        )


def load_openapi(
    place: str | Path, *, allowed_hosts: Collection[str] = (), fetch_ref: Fetch = fetch_public
) -> OpenApiDocument:
    """Read an OpenAPI document from a JSON or YAML file or a URL, with the files it refers to.

    Args:
        place: a path, or an http(s) URL that a person gave.
        allowed_hosts: as for `read_source`; none by default.
        fetch_ref: as for `read_source`.

    Raises:
        DocumentError: it can't be read, or is not an OpenAPI 3.x or Swagger 2.0 document.
        FetchError: it can't be fetched.
    """
    source = read_source(place, allowed_hosts=allowed_hosts, fetch_ref=fetch_ref)
    return read_openapi(source.root, source)


def read_openapi(root: dict[str, Any], origin: Source | None = None) -> OpenApiDocument:
    """Find the operations of a parsed document.

    Args:
        root: the document.
        origin: its source, which resolves references and relative servers.

    Raises:
        DocumentError: it is not an OpenAPI 3.x or Swagger 2.0 document, or has too many operations.
    """
    origin = origin or Source(root, b"")
    if is_tool_list(root):
        root, version = describe_tools(root), TOOL_LIST
    else:
        version = _require_version(root)
    if version.startswith("2"):
        root = upgrade(root, origin.problems)
    references = References(root, origin.problems)
    try:
        paths = references.follow(root.get("paths", {}))
    except UnresolvableReference as error:
        raise DocumentError(f"does not have paths: {error}") from None
    if not isinstance(paths, dict):
        raise DocumentError("does not have paths: `paths` is not a mapping")
    operations: list[FoundOperation] = []
    unreadable: list[tuple[str, str]] = []
    for path, source in paths.items():
        if path.startswith("x-"):
            continue
        try:
            item = _resolve(references, source, "the path item")
        except UnresolvableReference as error:
            unreadable.append((path, str(error)))
            continue
        for method in METHODS:
            if method not in item:
                continue
            try:
                node = _resolve(references, item[method], "the operation")
            except UnresolvableReference as error:
                unreadable.append((f"{method.upper()} {path}", str(error)))
                continue
            operations.append(_find(method, path, node, item))
            if len(operations) > _MOST_OPERATIONS:
                raise DocumentError(f"has more than {_MOST_OPERATIONS} operations")
        others = item.get("additionalOperations")
        for method in others if isinstance(others, dict) else ():
            reason = f"the method {method[:40]!r} (additionalOperations) is not supported"
            unreadable.append((f"{method[:40]} {path}", reason))
    info = root.get("info")
    return OpenApiDocument(
        title=_prose(info, "title") if isinstance(info, dict) else "",
        version=version,
        root=root,
        servers=_servers(root, operations, origin.url),
        operations=tuple(operations),
        unreadable=tuple(unreadable),
        references=references,
        schemas=Schemas(references, openapi_30=version.startswith(("2", "3.0"))),
        security_schemes=read_security_schemes(root, references),
        url=origin.url,
        notes=origin.notes,
        index=_index(operations),
        content=origin.content,
    )


def _servers(
    root: Mapping[str, Any], operations: list[FoundOperation], url: str
) -> tuple[str, ...]:
    """Return the document's servers; if none is absolute, the servers that all operations share."""
    servers = server_urls(root, url)
    if operations and not any(is_absolute(server) for server in servers):
        own = {server_urls(op.node, url) or server_urls(op.path_item, url) for op in operations}
        if len(own) == 1:
            return own.pop() or servers
    return servers


def _index(operations: list[FoundOperation]) -> dict[str, list[FoundOperation]]:
    index: dict[str, list[FoundOperation]] = {}
    for operation in operations:
        for name in dict.fromkeys((operation.key, operation.operation_id)):
            if name:
                index.setdefault(name, []).append(operation)
    return index


def _require_version(root: Mapping[str, Any]) -> str:
    if "swagger" in root:
        version = str(root["swagger"])[:20]
        if version not in {"2", "2.0"}:
            raise DocumentError(f"is a Swagger {version} document; 2.0 and later are supported")
        return version
    version = str(root.get("openapi", ""))[:20]
    if not version.startswith(("3.0", "3.1", "3.2")):
        if not version[:1].isdigit():
            raise DocumentError("is not an OpenAPI document: it does not have an `openapi` version")
        raise DocumentError(f"is an OpenAPI {version} document; 2.0 and 3.0 to 3.2 are supported")
    return version


def _resolve(references: References, source: Any, what: str) -> dict[str, Any]:
    """Follow a `$ref`; fields of the target override those beside the `$ref`.

    OpenAPI allows it for path items. Documents of many files write operations so too.
    """
    target = references.follow(source)
    if not isinstance(target, dict) or not isinstance(source, dict):
        raise UnresolvableReference(f"{what} is not an object")
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
        summary=_summary(node) or _summary(path_item),
        description=_prose(node, "description") or _prose(path_item, "description"),
        tags=tuple(t for t in tags if isinstance(t, str)) if isinstance(tags, list) else (),
        deprecated=node.get("deprecated") is True,
        node=node,
        path_item=path_item,
    )


def _summary(node: Mapping[str, Any]) -> str:
    """Return the summary, unless it only is the name of the code: `getTasks()` or `getTasks`."""
    text = _prose(node, "summary")
    named = text.isascii() and not text.islower() and _text(node, "operationId").startswith(text)
    return "" if " " not in text and (named or text.endswith("()")) else text


def _prose(node: Mapping[str, Any], key: str) -> str:
    """Return a text that people read, without HTML, which may stand for hidden characters."""
    return tidy_text(plain_text(_text(node, key)))


def _text(node: Mapping[str, Any], key: str) -> str:
    value = node.get(key)
    return tidy_text(value) if isinstance(value, str) else ""
