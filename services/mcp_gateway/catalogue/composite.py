"""A composite tool: a few calls of other tools, declared in the manifest and made as one call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from mcp_gateway.catalogue.tool import Tool

INPUT = "input"
ITEM = "item"
MOST_CALLS = 8
MOST_ITEMS = 20


class LeadsNowhere(Exception):
    """A path leads to no value that can be passed on; the message names the path."""


@dataclass(frozen=True, slots=True)
class ValuePath:
    """A path to a value: in the arguments, in the answer of an earlier call, or in the present item."""

    source: str
    """`input`, `item`, or the name of a call."""
    parts: tuple[str, ...]
    """Names of members, and positions in lists."""

    @classmethod
    def parse(cls, text: str) -> "ValuePath":
        """Read a path such as `input.project` or `tasks.items.0.id`."""
        source, *parts = text.split(".")
        return cls(source, tuple(parts))

    def __str__(self) -> str:
        """Write the path as it stands in the manifest."""
        return ".".join((self.source, *self.parts))

    def find(self, known: Mapping[str, Any]) -> Any:
        """Return the value.

        Raises:
            LeadsNowhere: there is none, such as an argument that was not given.
        """
        if self.source not in known:
            raise LeadsNowhere(f"{self} leads to no value")
        value = known[self.source]
        for part in self.parts:
            if isinstance(value, Mapping) and part in value:
                value = value[part]
            elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
                value = value[int(part)]
            else:
                raise LeadsNowhere(f"{self} leads to no value")
        return value


@dataclass(frozen=True, slots=True)
class Literal:
    """The same value in every call."""

    value: Any


@dataclass(frozen=True, slots=True)
class Condition:
    """A call is made only if a value is there and not null, or if it equals another."""

    path: ValuePath
    equals: Literal | None = None

    def __str__(self) -> str:
        """Write the condition in words."""
        return (
            f"{self.path} is there"
            if self.equals is None
            else f"{self.path} is {self.equals.value!r}"
        )

    def holds(self, known: Mapping[str, Any]) -> bool:
        """Tell whether the call is made."""
        try:
            value = self.path.find(known)
        except LeadsNowhere:
            return False
        if self.equals is None:
            return value is not None
        # In JSON, true is not 1.
        wanted = self.equals.value
        return isinstance(value, bool) is isinstance(wanted, bool) and bool(value == wanted)


@dataclass(frozen=True, slots=True)
class DeclaredCall:
    """One call of a composite tool."""

    name: str
    tool: "Tool"
    arguments: Mapping[str, ValuePath | Literal]
    for_each: ValuePath | None = None
    """A list for each item of which the call is made."""
    most: int = 1
    """The most items of that list."""
    when: Condition | None = None

    def fill(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of the call; those from an argument that was not given are left out.

        Raises:
            LeadsNowhere: a path leads to no value of an answer, or to a number that has too many digits.
        """
        arguments: dict[str, Any] = {}
        for name, source in self.arguments.items():
            if isinstance(source, Literal):
                arguments[name] = source.value
            elif source.source != INPUT or source.parts[0] in known[INPUT]:
                arguments[name] = source.find(known)
                if isinstance(arguments[name], orjson.Fragment):
                    raise LeadsNowhere(f"{source} has more digits than can be passed on exactly")
        return arguments


@dataclass(frozen=True, slots=True)
class Composite:
    """The calls of a tool, in order, and what its answer has of theirs."""

    calls: tuple[DeclaredCall, ...]
    result: Mapping[str, ValuePath]
    sums: bool
    """Whether it costs what the calls cost that were made, rather than what the manifest says."""

    @property
    def titles(self) -> tuple[str, ...]:
        """The titles of the called tools, in order."""
        return tuple(dict.fromkeys(call.tool.title for call in self.calls))

    @property
    def times(self) -> dict[str, int]:
        """How often it calls each tool at most, by the tool's name."""
        times: dict[str, int] = {}
        for call in self.calls:
            times[call.tool.name] = times.get(call.tool.name, 0) + call.most
        return times

    def select(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer; what a path does not lead to is null."""
        selected = {}
        for name, path in self.result.items():
            try:
                selected[name] = path.find(known)
            except LeadsNowhere:
                selected[name] = None
        return selected
