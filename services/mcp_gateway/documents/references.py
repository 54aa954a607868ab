"""Resolve `$ref` within a document, in every form of OpenAPI and JSON Schema 2020-12.

A reference is a JSON Pointer (RFC 6901, RFC 3986), an `$anchor`, a schema's `$id`, or another file,
which `sources` has already included in the document.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from mcp_gateway.documents.own_root import find_own_roots

_MISSING = object()


class UnresolvableReference(Exception):
    """A `$ref` can't be resolved; the message names it."""


class References:
    """Resolves references and caches the results."""

    def __init__(
        self, document: Mapping[str, Any], problems: Mapping[str, str] | None = None
    ) -> None:
        """Take the document that every reference is local to.

        Args:
            document: the document, with the other files that it refers to included.
            problems: references to files that could not be read, to the reason.
        """
        self._document = document
        self._problems = problems or {}
        self._found: dict[str, Any] = {}
        self._identified: _Identified | None = None
        self._own_roots: dict[int, str] | None = None

    @property
    def document(self) -> Mapping[str, Any]:
        """The document that every reference is local to."""
        return self._document

    def find(self, ref: object) -> Any:
        """Return the target of one reference, even if that is a reference itself.

        Raises:
            UnresolvableReference: the target does not exist, or is in a file that was not read.
        """
        if not isinstance(ref, str):
            raise UnresolvableReference("a $ref is not a string")
        if ref not in self._found:
            self._found[ref] = self._look_up(ref)
        return self._found[ref]

    def find_own_root(self, node: Mapping[str, Any]) -> str:
        """Return the reference that `#` means in an object inside a schema.

        Raises:
            UnresolvableReference: the object is in no schema of the document.
        """
        if self._own_roots is None:
            self._own_roots = find_own_roots(self._document)
        root = self._own_roots.get(id(node), "#")
        if root == "#":
            raise UnresolvableReference("a reference to '#' is outside any schema")
        return root

    def find_dynamic(self, ref: object) -> Any:
        """Return the target of a `$dynamicRef` if it is unambiguous (2020-12 core §8.2.3.2).

        Raises:
            UnresolvableReference: as for `find`; also if several schemas have that anchor.
        """
        if isinstance(ref, str) and ref.startswith("#") and not ref.startswith("#/"):
            nodes = self._identify().dynamic.get(ref[1:], [])
            if len(nodes) > 1:
                raise UnresolvableReference(
                    f"$dynamicRef {ref[:200]!r} depends on where it is reached from"
                )
            if nodes:
                return nodes[0]
        return self.find(ref)

    def follow(self, node: Any) -> Any:
        """Return the object itself, or the end of its chain of references.

        Raises:
            UnresolvableReference: as for `find`; also if the chain is circular.
        """
        seen: set[str] = set()
        while isinstance(node, dict) and "$ref" in node:
            ref = node["$ref"]
            target = self.find(ref)
            if ref in seen:
                raise UnresolvableReference(f"$ref {ref[:200]!r} refers to itself")
            seen.add(ref)
            node = target
        return node

    def _look_up(self, ref: str) -> Any:
        place, fragment = urldefrag(ref)
        if not place:
            node = self._in(self._document, fragment)
            if node is _MISSING:
                node = self._by_identity(fragment)
            if node is _MISSING:
                what = "points at" if fragment.startswith("/") else "names an anchor of"
                raise UnresolvableReference(f"$ref {ref[:200]!r} {what} nothing")
            return node
        identified = self._identify()
        resource = identified.resources.get(place, _MISSING)
        if resource is not _MISSING:
            node = self._in(resource, fragment)
            if node is _MISSING:
                node = identified.anchors.get(fragment, _MISSING)
            if node is not _MISSING:
                return node
        reason = self._problems.get(ref, "bundle it into one file first")
        raise UnresolvableReference(f"$ref {ref[:200]!r} leads outside the document; {reason}")

    def _in(self, root: Any, fragment: str) -> Any:
        """Walk a JSON Pointer, following references on its path."""
        for pointer in dict.fromkeys((unquote(fragment), fragment)):
            if pointer and not pointer.startswith("/"):
                continue
            node = root
            for token in pointer.split("/")[1:]:
                node = self._step(node, token.replace("~1", "/").replace("~0", "~"))
                if node is _MISSING:
                    break
            else:
                return node
        return _MISSING

    def _step(self, node: Any, key: str) -> Any:
        if isinstance(node, dict) and key not in node and "$ref" in node:
            try:
                node = self.follow(node)
            except (UnresolvableReference, RecursionError):
                return _MISSING
        if isinstance(node, dict) and key in node:
            return node[key]
        if isinstance(node, list) and key.isdecimal() and int(key) < len(node):
            return node[int(key)]
        return _MISSING

    def _by_identity(self, fragment: str) -> Any:
        """Find an anchor, or a pointer that exists below exactly one schema with an `$id`."""
        identified = self._identify()
        if not fragment.startswith("/"):
            return identified.anchors.get(unquote(fragment), _MISSING)
        nodes = [self._in(resource, fragment) for resource in identified.all]
        found = [node for node in nodes if node is not _MISSING]
        return found[0] if len(found) == 1 else _MISSING

    def _identify(self) -> "_Identified":
        if self._identified is None:
            self._identified = _Identified(self._document)
        return self._identified


class _Identified:
    """The schemas of a document that have an `$id` or an anchor."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.anchors: dict[str, Any] = {}
        self.dynamic: dict[str, list[Any]] = {}
        self.resources: dict[str, Any] = {}
        self.all: list[Any] = []
        base = document.get("$self")
        for node, within in _walk(document, base if isinstance(base, str) else ""):
            for keyword in ("$anchor", "$dynamicAnchor"):
                if isinstance(node.get(keyword), str):
                    self.anchors.setdefault(node[keyword], node)
            if isinstance(node.get("$dynamicAnchor"), str):
                self.dynamic.setdefault(node["$dynamicAnchor"], []).append(node)
            if isinstance(node.get("$id"), str):
                self.all.append(node)
                for name in (within, node["$id"].rstrip("#")):
                    self.resources.setdefault(name, node)


def _walk(document: Mapping[str, Any], base: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every object once, with the base URI that applies inside it."""
    seen: set[int] = set()
    stack: list[tuple[Any, str]] = [(document, base)]
    while stack:
        node, within = stack.pop()
        if id(node) in seen:
            continue
        if isinstance(node, dict):
            seen.add(id(node))
            if isinstance(node.get("$id"), str):
                with suppress(ValueError):
                    within = urldefrag(urljoin(within, node["$id"]))[0]
            yield node, within
            stack.extend((child, within) for child in node.values())
        elif isinstance(node, list):
            seen.add(id(node))
            stack.extend((child, within) for child in node)
