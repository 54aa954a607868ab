"""Edit a manifest's text in place; everything else stays byte for byte, including comments.

Edits use the positions of PyYAML's nodes. The edited text is parsed again, and refused if it does not
have exactly the intended content.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from gatepost.document import DocumentError, parse_document
from mcp_gateway.importing.yaml_write import dump, dump_flow, indent_block

Path = tuple[str, ...]


class UneditableText(Exception):
    """The change can't be made in place; the message says where."""


class YamlText:
    """A YAML mapping as text, with changes collected until `write`."""

    def __init__(self, text: str) -> None:
        """Take a text that `parse_document` accepts, which limits its depth and size."""
        self._text = text
        self._wanted: Any = parse_document(text.encode())
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        assert isinstance(root, yaml.MappingNode)  # noqa: S101 - parse_document accepts only mappings
        self._root = root
        self._edits: list[tuple[int, int, str]] = []

    def set(self, path: Path, value: Any, comment: str = "") -> None:
        """Set a key of a mapping, in place or at the mapping's end.

        Raises:
            UneditableText: the mapping does not exist.
        """
        *above, key = path
        parent = self._find(above)
        self._target(above)[key] = value
        found = next((pair for pair in parent.value if pair[0].value == key), None)
        note = f"  # {comment}" if comment and not parent.flow_style else ""
        text = (
            f"{key}: {dump_flow(value)}" if parent.flow_style else dump({key: value}).rstrip("\n")
        )
        if found is not None:
            start, end = found[0].start_mark.index, self._end(found[1])
            text = text if parent.flow_style else self._at(parent, text)
            self._edits.append((start, end, text.lstrip() + note))
        elif parent.flow_style:
            place = self._end(parent) - 1
            self._edits.append((place, place, f", {text}" if parent.value else text))
        else:
            self._append(parent, self._at(parent, text) + note)

    def add(self, path: Path, entries: Mapping[str, Any]) -> None:
        """Add keys at the end of a mapping.

        Raises:
            UneditableText: the mapping does not exist.
        """
        parent = self._find(path)
        if entries and parent.flow_style and not parent.value:
            # `tools: {}` has no formatting to preserve, so it becomes a block.
            self._target(path).update(entries)
            text = "\n" + indent_block("\n".join(dump({k: v}) for k, v in entries.items()))
            self._edits.append((parent.start_mark.index, self._end(parent), text.rstrip("\n")))
            return
        for key, value in entries.items():
            self.set((*path, key), value)

    def write(self) -> str:
        """Return the text with every change made.

        Raises:
            UneditableText: the changed text would not have the intended content.
        """
        text = self._text
        ordered = sorted(enumerate(self._edits), key=lambda item: (item[1][0], item[0]))
        for _, (start, end, new) in reversed(ordered):
            text = text[:start] + new + text[end:]
        try:
            read = parse_document(text.encode())
        except DocumentError:
            read = None
        if read != self._wanted:
            raise UneditableText("it is written in a way that can't be changed in place")
        return text

    def _append(self, parent: yaml.MappingNode, text: str) -> None:
        # Inserted after the last value's line, so that a comment there stays with the value.
        end = self._text.find("\n", self._end(parent))
        place = len(self._text) if end < 0 else end
        self._edits.append((place, place, f"\n{text}"))

    def _at(self, parent: yaml.MappingNode, text: str) -> str:
        """Indent a text like the mapping's keys."""
        column = parent.value[0][0].start_mark.column if parent.value else 0
        return indent_block(text, column)

    def _find(self, path: Path | list[str]) -> yaml.MappingNode:
        node = self._root
        for key in path:
            found = next((value for name, value in node.value if name.value == key), None)
            if not isinstance(found, yaml.MappingNode):
                raise UneditableText(f"{'.'.join(path)} is not a mapping")
            node = found
        return node

    def _target(self, path: Path | list[str]) -> dict[str, Any]:
        node = self._wanted
        for key in path:
            node = node[key]
        found: dict[str, Any] = node
        return found

    def _end(self, node: yaml.Node) -> int:
        """Return where a value ends; the end mark of a block is after the comments that follow."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return self._end(last[1] if isinstance(last, tuple) else last)
        start, end = node.start_mark.index, node.end_mark.index
        # A text may end with other white space, such as a no-break space, without quotes.
        return int(start) + len(self._text[start:end].rstrip(" \t\r\n"))
