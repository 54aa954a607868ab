"""A form made of a tool's schema, and the arguments that a person typed into it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

Kind = Literal["text", "number", "yes_no", "choice", "json"]
PREFIX = "argument."
"""Begins the name of each field, so that an argument can have any name."""
_TYPES: Mapping[str, Kind] = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "yes_no",
}


class InvalidArgument(ValueError):
    """A field's text is not a value of its kind."""

    def __init__(self, argument: str, reason: str) -> None:
        """Take the argument and the reason."""
        super().__init__(f"{argument}: {reason}")
        self.argument = argument


@dataclass(frozen=True, slots=True)
class Field:
    """One argument of a tool."""

    name: str
    kind: Kind
    required: bool
    hint: str
    choices: tuple[str, ...] = ()

    @property
    def field(self) -> str:
        """The name of the form's field."""
        return f"{PREFIX}{self.name}"


def read_fields(schema: Mapping[str, Any]) -> list[Field]:
    """List the fields of a schema, the required ones first; nested values are written as JSON."""
    required = frozenset(schema.get("required") or ())
    properties = schema.get("properties")
    fields = [
        _field(name, one if isinstance(one, dict) else {}, name in required)
        for name, one in (properties if isinstance(properties, dict) else {}).items()
    ]
    return sorted(fields, key=lambda field: not field.required)


def read_arguments(fields: list[Field], typed: Callable[[str], str | None]) -> dict[str, Any]:
    """Read the arguments from what a person typed; an empty field is left out.

    Raises:
        InvalidArgument: a text is not a value of its field.
    """
    arguments: dict[str, Any] = {}
    for field in fields:
        text = typed(field.field) or ""
        if text.strip():
            arguments[field.name] = _read(field, text)
    return arguments


def _field(name: str, schema: Mapping[str, Any], required: bool) -> Field:
    hint = str(schema.get("description") or "")[:300]
    choices = schema.get("enum")
    if isinstance(choices, list) and all(isinstance(one, str) for one in choices):
        return Field(name, "choice", required, hint, tuple(choices))
    kind = schema.get("type")
    return Field(
        name, _TYPES.get(kind, "json") if isinstance(kind, str) else "json", required, hint
    )


def _read(field: Field, text: str) -> Any:
    if field.kind in {"text", "choice"}:
        return text
    if field.kind == "yes_no":
        return text == "yes"
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidArgument(
            field.name, "write a number" if field.kind == "number" else "write JSON"
        ) from None
    if field.kind == "number" and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise InvalidArgument(field.name, "write a number")
    return value
