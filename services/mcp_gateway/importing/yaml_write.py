"""YAML that every version of YAML reads alike: quotes what any of them would not keep text."""

import re
from collections.abc import Mapping
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """The safe dumper, with text of several lines as blocks and lists on one line."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Write text of several lines as a block."""
        style = "|" if "\n" in text else None
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
    """Write a mapping in block style, its keys in their order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=96)


def dump_flow(value: Any) -> str:
    """Write a value on one line, as it can stand within a flow mapping."""
    # In a list, since a text alone may stay plain where one within brackets may not.
    text: str = yaml.dump(
        [value], Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=10**9
    )
    return text.rstrip("\n").removeprefix("[").removesuffix("]")
