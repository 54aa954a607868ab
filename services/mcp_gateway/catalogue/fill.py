"""How the gateway fills an argument that models don't see."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value in every call."""

    value: Any


@dataclass(frozen=True, slots=True)
class FromCredential:
    """The caller's secret from one of `upstream_credentials`."""

    name: str


@dataclass(frozen=True, slots=True)
class Omitted:
    """No value: the argument is never sent."""


Fill = Constant | FromCredential | Omitted


def describe_fill(fill: Fill) -> str:
    """Describe a fill in a few words, for a reviewer."""
    match fill:
        case FromCredential(name):
            return f"the credential {name}"
        case Constant(value):
            return json.dumps(value, ensure_ascii=False)
        case Omitted():
            return "not sent"


def write_fill(fill: Fill) -> dict[str, Any]:
    """Write a fill as it stands in a manifest."""
    match fill:
        case FromCredential(name):
            return {"credential": name}
        case Constant(value):
            return {"value": value}
        case Omitted():
            return {"omit": True}
