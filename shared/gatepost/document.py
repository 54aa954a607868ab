"""Read JSON and YAML from outside, bounded in size, depth and expanded aliases.

YAML follows the JSON rules that OpenAPI requires (OpenAPI 3.1.1 §4.2, YAML 1.2 §10.2): dates and
`no` stay text. A number is one that JSON can write again: a whole number beyond 64 bits becomes a
float, as in JSON, and a number beyond the floats becomes the largest one. Those rules forbid merge keys and repeated keys: in our own files they are errors; in
foreign documents they are read as other tools do, and noted.
"""

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import yaml

LARGEST = 64 << 20
_MOST_NODES = 4_000_000
_DEEPEST = 200
_MOST_NOTES = 20
_CONTAINERS = (dict, list)


class DocumentError(Exception):
    """The file can't be read; the message gives the reason without the file's name."""


_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False}
_BOOLEANS["FALSE"] = False
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,19})")
_INT_RANGE = range(-(1 << 63), 1 << 64)
"""The whole numbers that orjson reads and writes as such."""
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?")
_TAG = "tag:yaml.org,2002:"


def read_document(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON or YAML mapping.

    Raises:
        DocumentError: it is missing, too large, malformed, or not a mapping.
    """
    return parse_document(read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """Read a file, at most one byte more than the largest size that is parsed.

    Raises:
        DocumentError: it can't be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise DocumentError(f"can't be read: {error.strerror}") from None


def find_line(data: bytes, path: Sequence[str | int]) -> int | None:
    """Return the line, from 1, of the value at this path, or of the nearest enclosing one.

    Args:
        data: a document that `parse_document` reads.
        path: keys and positions from its root.
    """
    node, line = yaml.compose(data, Loader=yaml.CSafeLoader), None
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == part), None)
            if found is None:
                return line
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def parse_document(data: bytes, notes: list[str] | None = None) -> dict[str, Any]:
    """Parse one JSON or YAML mapping; every key of the answer is a string.

    Args:
        data: the file's bytes, as UTF-8.
        notes: a list to which repeated keys (the last one counts) and YAML merge keys are added;
            without it they are errors.

    Raises:
        DocumentError: it is too large, malformed, or not a mapping.
    """
    if len(data) > LARGEST:
        raise DocumentError(f"is larger than {LARGEST >> 20} MiB")
    data = data.removeprefix(b"\xef\xbb\xbf")
    parse = _parse_json if data.lstrip()[:1] == b"{" else _parse_yaml
    document = parse(data, notes)
    if not isinstance(document, dict):
        raise DocumentError("is not a mapping (JSON object)")
    return document


def _parse_json(data: bytes, notes: list[str] | None) -> Any:
    try:
        document = orjson.loads(data)
    except ValueError as error:
        if notes is not None:  # A YAML flow mapping also starts with a brace.
            try:
                document = _parse_yaml(data, notes)
            except DocumentError:
                pass
            else:
                notes.append(f"is not valid JSON ({error}) and was read as YAML")
                return document
        raise DocumentError(f"is not valid JSON: {error}") from None
    level = [document]
    for _ in range(_DEEPEST + 1):  # Without aliases a level is no larger than the file.
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) in _CONTAINERS
        ]
        if not level:
            return document
    raise DocumentError(f"is nested more than {_DEEPEST} levels deep")


def _parse_yaml(data: bytes, notes: list[str] | None) -> Any:
    """Build values from the parser's events.

    PyYAML's own composer recurses in C, and a deep enough document ends the process with it.
    """
    try:
        document = _Builder(notes).build(yaml.parse(data, Loader=yaml.CSafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise DocumentError(f"is not valid YAML: {error.problem}{where}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise DocumentError(f"is not valid YAML: {error}") from None
    _require_bounded(document)
    return document


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not been read yet."""

    value: dict[str, Any] | list[Any]
    anchor: str | None
    key: str | None = None
    is_merge: bool = False
    merged: list[Any] = field(default_factory=list)


class _Builder:
    """Builds the values of one document from the parser's events."""

    def __init__(self, notes: list[str] | None) -> None:
        self._notes = notes
        self._anchors: dict[str, Any] = {}
        self._stack: list[_Open] = []
        self._documents: list[Any] = []
        self._merges = 0

    def build(self, events: Iterable[yaml.Event]) -> Any:
        for event in events:
            match event:
                case yaml.ScalarEvent():
                    self._add(_scalar(event), event.anchor, event)
                case yaml.AliasEvent():
                    if event.anchor not in self._anchors:
                        raise DocumentError("contains an alias that refers to itself or to nothing")
                    self._add(self._anchors[event.anchor], None, event)
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._begin(event)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    ended = self._stack.pop()
                    self._merges += _merge(ended)
                    if self._merges > _MOST_NODES:
                        raise DocumentError(f"unfolds to more than {_MOST_NODES} values")
                    self._add(ended.value, ended.anchor, event)
                case _:
                    pass
        return self._documents[0] if self._documents else None

    def _begin(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        if len(self._stack) >= _DEEPEST:
            raise DocumentError(f"is nested more than {_DEEPEST} levels deep")
        is_map = isinstance(event, yaml.MappingStartEvent)
        _require_plain_tag(event.tag, "map" if is_map else "seq")
        self._stack.append(_Open({} if is_map else [], event.anchor))

    def _add(self, value: Any, anchor: str | None, event: yaml.Event) -> None:
        if anchor is not None:
            self._anchors[anchor] = value
        if not self._stack:
            self._documents.append(value)
            if len(self._documents) > 1:
                raise DocumentError("contains more than one YAML document")
            return
        top = self._stack[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.is_merge:
            top.merged += value if isinstance(value, list) else [value]
            top.key, top.is_merge = None, False
        elif top.key is not None:
            top.value[top.key] = value
            top.key = None
        elif isinstance(event, yaml.ScalarEvent):
            self._name(top, top.value, event)
        else:
            raise DocumentError("uses a mapping key that is not text")

    def _name(self, top: _Open, members: dict[str, Any], event: yaml.ScalarEvent) -> None:
        """Take a mapping's next key as it is written: `200:` and `no:` are names like any other."""
        key = top.key = event.value
        top.is_merge = key == "<<" and event.implicit[0]
        if top.is_merge:
            _doubt("uses a YAML merge key (<<), which YAML 1.2 does not have", self._notes)
        elif key in members:
            where = f", line {event.start_mark.line + 1}" if event.start_mark else ""
            _doubt(f"has the key {key[:80]!r} twice{where}", self._notes)


def _doubt(problem: str, notes: list[str] | None) -> None:
    """Refuse a violation of the JSON rules, or note it in `notes`."""
    if notes is None:
        raise DocumentError(problem)
    if problem not in notes and len(notes) < _MOST_NOTES:
        notes.append(problem)


def _merge(ended: _Open) -> int:
    """Add merged keys to a mapping (its own keys win, then earlier ones); return their number."""
    count = 0
    for source in ended.merged:
        if not isinstance(source, dict) or not isinstance(ended.value, dict):
            raise DocumentError("merges a value that is not a mapping (<<)")
        count += len(source)
        ended.value.update({k: v for k, v in source.items() if k not in ended.value})
    return count


def _scalar(event: yaml.ScalarEvent) -> Any:
    """Read a scalar by the JSON schema of YAML 1.2; quoted text and `!!str` stay text."""
    text: str = event.value
    if event.tag is None and not event.implicit[0]:
        return text
    if event.tag in {"!", f"{_TAG}str"}:
        return text
    if event.tag is not None and event.tag.removeprefix(_TAG) not in {
        "int",
        "float",
        "bool",
        "null",
    }:
        raise DocumentError(f"uses the YAML tag {event.tag[:80]}, which JSON has nothing for")
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INT.fullmatch(text) and (whole := int(text)) in _INT_RANGE:
        return whole
    if not _FLOAT.fullmatch(text):
        return text
    return min(max(float(text), -sys.float_info.max), sys.float_info.max)


def _require_plain_tag(tag: str | None, kind: str) -> None:
    if tag not in {None, "!", f"{_TAG}{kind}"}:
        raise DocumentError(f"uses the YAML tag {str(tag)[:80]}, which JSON has nothing for")


def _require_bounded(document: Any) -> None:
    """Limit the depth and the size after aliases are expanded.

    Raises:
        DocumentError: the document exceeds a limit.
    """
    # Post-order over an explicit stack: sizes of shared nodes are known when they appear again.
    measured: dict[int, tuple[int, int]] = {}
    stack: list[tuple[Any, bool]] = [(document, False)]
    while stack:
        node, done = stack.pop()
        if not isinstance(node, dict | list) or id(node) in measured:
            continue
        children = node.values() if isinstance(node, dict) else node
        if not done:
            stack.append((node, True))
            stack.extend((child, False) for child in children)
            continue
        sizes = [measured.get(id(child), (1, 0)) for child in children]
        size = 1 + sum(size for size, _ in sizes)
        depth = 1 + max((depth for _, depth in sizes), default=0)
        if size > _MOST_NODES:
            raise DocumentError(f"unfolds to more than {_MOST_NODES} values")
        if depth > _DEEPEST:
            raise DocumentError(f"is nested more than {_DEEPEST} levels deep")
        measured[id(node)] = (size, depth)
