"""Write YAML that YAML 1.1 and 1.2 read alike: quote text that either would read as another type."""

import re
from collections.abc import Mapping
from textwrap import indent
from typing import Any

import yaml

_FRAGILE = re.compile(r"[\x85\u2028\u2029]|(?:^|\n)\n\Z")
"""Line breaks that readers change, and those at the end that look like the space before a key."""


class _Dumper(yaml.SafeDumper):
    """The safe dumper, with multi-line text as blocks and lists on one line."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Write multi-line text as a block, and quote it where only an escape keeps a line break."""
        style = '"' if _FRAGILE.search(text) else "|" if "\n" in text else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    def represent_names(self, names: list[Any]) -> yaml.SequenceNode:
        """Write a list of names on one line."""
        return self.represent_sequence("tag:yaml.org,2002:seq", names, flow_style=True)


_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.add_representer(list, _Dumper.represent_names)
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?$"), None
)


def dump(value: Mapping[str, Any]) -> str:
    """Write a mapping in block style, in the order of its keys."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=96)


def dump_flow(value: Any) -> str:
    """Write a value on one line, for use inside a flow mapping."""
    # Dumped within a list, since text inside brackets needs quotes more often than other text.
    text: str = yaml.dump(
        [value], Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=10**9
    )
    return text.rstrip("\n").removeprefix("[").removesuffix("]")


def indent_block(text: str, columns: int = 2) -> str:
    """Indent written YAML, so that it can be a value of a mapping."""
    # By default, `indent` leaves a line of a text alone that holds only no-break spaces.
    return indent(text, " " * columns, lambda line: line != "\n")
