"""Read a document from a file or a URL, with the other files that it refers to.

References may lead to files below the document's folder, and to hosts on an allow-list over a guarded
connection. The files are included in the document under one key, and each reference to them becomes
a JSON Pointer, so that later code deals with a single document.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import orjson

from gatepost.document import LARGEST, DocumentError, parse_document
from mcp_gateway.documents.fetch import FetchError, fetch, fetch_public

FILES = "x-gatepost-files"
_MOST_FILES = 10_000
_FOREIGN_REF = re.compile(rb"""\$ref["']?\s*:\s*["']?[^"'#\s{\[]""")
Fetch = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Source:
    """A document, with the files it refers to that could be read."""

    root: dict[str, Any]
    content: bytes
    """The copy to keep: the unchanged file, or one JSON document if it was several files."""
    url: str = ""
    """The document's URL, to which its servers are relative; "" for a file."""
    notes: tuple[str, ...] = ()
    """Notes for a person about how the document was read."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """References to files that could not be read, to the reason."""


def read_source(
    place: str | Path, *, allowed_hosts: Collection[str] = (), fetch_ref: Fetch = fetch_public
) -> Source:
    """Read a document from a file or an http(s) URL, with the other files that it refers to.

    Args:
        place: a path, or a URL that a person gave.
        allowed_hosts: the hosts that references may lead to, as `host` or `host:port`.
        fetch_ref: fetches the target of such a reference.

    Raises:
        DocumentError: the document can't be read, is too large or is malformed.
        FetchError: the document can't be fetched.
    """
    if isinstance(place, str) and place.lower().startswith(("http://", "https://")):
        data, folder, own = fetch(place), None, place
    else:
        path = Path(place)
        data, folder, own = _read_file(path), path.parent.resolve(), str(path.resolve())
    notes: list[str] = []
    root = parse_document(data, notes)
    is_url = folder is None
    if not _FOREIGN_REF.search(data):
        return Source(root, data, own if is_url else "", tuple(notes))
    collector = _Collector(own, root, folder, {h.lower() for h in allowed_hosts}, fetch_ref, notes)
    collector.collect(len(data))
    if collector.files:
        root[FILES] = collector.files
        data = orjson.dumps(root, option=orjson.OPT_NON_STR_KEYS)
    return Source(root, data, own if is_url else "", tuple(notes), collector.problems)


class _Collector:
    """Reads the files that a document refers to, and rewrites the references to them."""

    def __init__(
        self,
        own: str,
        root: dict[str, Any],
        folder: Path | None,
        allowed: Collection[str],
        fetch_ref: Fetch,
        notes: list[str],
    ) -> None:
        self._own = own
        self._folder = folder
        self._allowed = allowed
        self._fetch = fetch_ref
        self._notes = notes
        self._names: dict[str, str] = {own: ""}
        self._failed: dict[str, str] = {}
        self._size = 0
        self._queue: list[tuple[str, Any]] = [(own, root)]
        self._seen: set[int] = set()
        self.files: dict[str, Any] = {}
        self.problems: dict[str, str] = {}

    def collect(self, size: int) -> None:
        """Read files until every reference is included or has failed."""
        self._size = size
        while self._queue:
            place, content = self._queue.pop()
            stack = [content]
            while stack:
                node = stack.pop()
                if not isinstance(node, dict | list) or id(node) in self._seen:
                    continue
                self._seen.add(id(node))
                stack.extend(node.values() if isinstance(node, dict) else node)
                if isinstance(node, dict) and isinstance(node.get("$ref"), str):
                    self._point(node, place)

    def _point(self, node: dict[str, Any], place: str) -> None:
        path, fragment = urldefrag(node["$ref"])
        if not path and place == self._own:
            return
        target = self._resolve(place, path)
        name = self._load(target)
        if name is None:
            self.problems[node["$ref"]] = self._failed[target]
            return
        pointer = f"/{FILES}/{name.replace('~', '~0').replace('/', '~1')}" if name else ""
        plain = not fragment or fragment.startswith("/")
        node["$ref"] = f"#{pointer}{fragment}" if plain else f"#{fragment}"

    def _resolve(self, place: str, path: str) -> str:
        """Return the absolute place of a path that is relative to the file that contains it."""
        if not path:
            return place
        if _is_url(place) or _is_url(path):
            return urljoin(place, path) if _is_url(place) else path
        return str((Path(place).parent / unquote(path)).resolve())

    def _load(self, target: str) -> str | None:
        """Read a file once and return its name in the document, or None if it can't be read."""
        if target in self._names:
            return self._names[target]
        if target in self._failed:
            return None
        try:
            content, name = self._read(target)
        except (DocumentError, FetchError, ValueError) as error:
            self._failed[target] = str(error)
            return None
        self._names[target] = name
        self.files[name] = content
        self._queue.append((target, content))
        return name

    def _read(self, target: str) -> tuple[Any, str]:
        if len(self.files) >= _MOST_FILES:
            raise DocumentError(f"the document is made of more than {_MOST_FILES} files")
        if _is_url(target):
            if urlsplit(target).netloc.lower() not in self._allowed:
                raise DocumentError("its host is not on the list of allowed hosts")
            data, name = self._fetch(target), target
        else:
            path = Path(target)
            if self._folder is None or not path.is_relative_to(self._folder):
                raise DocumentError("it is outside the document's folder")
            data, name = _read_file(path), path.relative_to(self._folder).as_posix()
        self._size += len(data)
        if self._size > LARGEST:
            raise DocumentError(f"with it the document is larger than {LARGEST >> 20} MiB")
        return parse_document(data, self._notes), name


def _is_url(place: str) -> bool:
    return place.lower().startswith(("http://", "https://"))


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise DocumentError(f"can't be read: {getattr(error, 'strerror', None) or error}") from None
