"""Apps: interactive views of a tool's answer that a host shows to a person (MCP Apps 2026-01-26)."""

import re
from dataclasses import dataclass
from typing import Literal

from mcp_gateway.results.fields import FieldPath
from mcp_gateway.text import tidy_text

_CAPITALS = {"id": "ID", "ids": "IDs", "url": "URL", "api": "API", "ip": "IP", "vat": "VAT"}
View = Literal["table", "card", "form"]
Source = tuple[Literal["record", "input"], str]
"""Where an argument comes from: a field of the shown record, or an argument of the call that is shown."""


@dataclass(frozen=True, slots=True)
class AppField:
    """A column of a table, or a line of a card."""

    label: str
    path: FieldPath
    """The path in one record."""
    kind: str
    """How the value is written: `choice`, `date`, `time`, `number`, or empty for as it is."""


@dataclass(frozen=True, slots=True)
class AppLink:
    """Another tool that the view calls, and the arguments that the person doesn't fill in."""

    tool: str
    arguments: tuple[tuple[str, Source], ...] = ()


@dataclass(frozen=True, slots=True)
class App:
    """How a tool's answer is shown."""

    view: View
    title: str
    fields: tuple[AppField, ...] = ()
    at: FieldPath = ()
    """The path in the structured content of a table's list or a card's record."""
    row: AppLink | None = None
    """The tool that gets a row's record, which a card shows."""
    submit: AppLink | None = None
    """The tool that a form calls."""

    def describe(self) -> str:
        """Return the view and the tools that it calls, for people who review it."""
        row = f", rows by {self.row.tool}" if self.row else ""
        return self.view + row + (f", form of {self.submit.tool}" if self.submit else "")


def name_label(name: str) -> str:
    """Return a label for people made from a name, such as `Due on` from `due_on`."""
    name = tidy_text(name)
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").split()
    label = " ".join(_CAPITALS.get(word.lower(), word.lower()) for word in words) or name
    return label[:1].upper() + label[1:]
