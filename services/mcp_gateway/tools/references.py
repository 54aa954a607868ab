"""Local references: a JSON Pointer into the same document, of any shape (RFC 6901, RFC 3986)."""

from typing import Any
from urllib.parse import unquote


class UnresolvableReference(Exception):
    """A `$ref` leads nowhere this reader goes; the message names it."""


class References:
    """Finds what a `$ref` points at, each pointer looked up once."""

    def __init__(self, document: dict[str, Any]) -> None:
        """Take the document that every reference is local to."""
        self._document = document
        self._found: dict[str, Any] = {}

    def find(self, ref: object) -> Any:
        """Look one reference up, without following a reference found there.

        Raises:
            UnresolvableReference: it is external, an anchor, or points at nothing.
        """
        if not isinstance(ref, str):
            raise UnresolvableReference("a $ref is not a string")
        if ref in self._found:
            return self._found[ref]
        if not ref.startswith("#"):
            raise UnresolvableReference(
                f"$ref {ref[:200]!r} leads outside the document; bundle it into one file first"
            )
        pointer = unquote(ref[1:])
        if pointer and not pointer.startswith("/"):
            raise UnresolvableReference(f"$ref {ref[:200]!r} names an anchor, not a JSON Pointer")
        node: Any = self._document
        for token in pointer.split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and key in node:
                node = node[key]
            elif isinstance(node, list) and key.isdecimal() and int(key) < len(node):
                node = node[int(key)]
            else:
                raise UnresolvableReference(f"$ref {ref[:200]!r} points at nothing")
        self._found[ref] = node
        return node

    def follow(self, node: Any) -> Any:
        """Answer the object itself, or what its chain of references ends at.

        Raises:
            UnresolvableReference: as `find`; also where the chain comes back to itself.
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
