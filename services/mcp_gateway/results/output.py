"""Check answers against a published output schema, and deliver those that deviate in another form."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jsonschema_rs
import orjson

from mcp_gateway.results.content import ShapedAnswer
from mcp_gateway.results.fields import EACH

_LONGEST = 120
_KINDS: Mapping[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


class Deviation(NamedTuple):
    """A place where an answer does not match the schema, in words of the schema alone."""

    place: str
    """A path such as `parts[].id`, `(root)` for the form of the whole, or `(cut)`."""
    what: str
    """What is wrong there, such as `is a string instead of an integer`."""


OTHER_FORM = Deviation("(root)", "has another form than the document describes")
CUT = Deviation("(cut)", "is longer than `shape.most_bytes`, so a part of it is missing")


@dataclass(frozen=True, slots=True)
class Output:
    """The output schema of one tool, which every one of its answers matches as it is delivered."""

    schema: Mapping[str, Any]
    """JSON Schema 2020-12 of the structured content."""
    unexpected: str
    """The member that holds an answer which deviates."""
    kinds: frozenset[str]
    """JSON types of the answer: an object is the content, and anything else is its member `result`."""
    is_valid: Callable[[Any], bool] = field(compare=False, repr=False)
    """Whether structured content matches the schema; it is compiled once."""

    @classmethod
    def of(cls, schema: Mapping[str, Any], unexpected: str, kinds: frozenset[str]) -> "Output":
        """Make the check of a schema, which the first answer compiles."""
        validator: jsonschema_rs.Draft202012Validator | None = None

        def is_valid(value: Any) -> bool:
            nonlocal validator
            if validator is None:
                validator = jsonschema_rs.Draft202012Validator(dict(schema), offline=True)
            return validator.is_valid(value)

        return cls(schema, unexpected, kinds, is_valid)

    def deliver(self, shaped: ShapedAnswer) -> tuple[Any, Iterator[Deviation] | None]:
        """Return the structured content of an answer, and where the answer deviates; None if nowhere.

        An answer that is cut, nested too deeply or not JSON deviates as a whole. Looking for the places
        takes longer than the check, and begins with the iteration.
        """
        text = next((b["text"] for b in shaped.content if b["type"] == "text"), None)
        if shaped.structured is None:
            return {self.unexpected: text}, iter((OTHER_FORM,))
        written = orjson.dumps(shaped.structured)
        deviations: Iterator[Deviation] = iter((CUT,))
        if "gatepost/truncated" not in shaped.meta:
            try:
                value = orjson.loads(written)
            except ValueError:
                value = None
            if value is None or self.unexpected in value or not self._has_form(text, value):
                deviations = iter((OTHER_FORM,))
            elif self.is_valid(value):
                return shaped.structured, None
            else:
                deviations = self._find(value)
        name = orjson.dumps(self.unexpected)
        return orjson.Fragment(b"{" + name + b":" + written + b"}"), deviations

    def _has_form(self, text: str | None, content: Mapping[str, Any]) -> bool:
        """Tell whether an answer has one of the JSON types that the schema wants for the whole."""
        is_object = text is not None and text.lstrip()[:1] == "{"
        if "object" not in self.kinds:
            return not is_object
        return is_object or ("null" in self.kinds and content["result"] is None)

    def _find(self, content: Mapping[str, Any]) -> Iterator[Deviation]:
        """Yield each deviation of structured content, in time proportional to what is read of it."""
        wanted = self.schema.get("anyOf", [{"required": ()}])[0]["required"]
        yield from (Deviation(name, "is missing") for name in wanted if name not in content)
        rest: list[tuple[Mapping[str, Any], Any, _Path]] = [
            ({"properties": self.schema["properties"]}, content, None)
        ]
        while rest:
            schema, value, path = rest.pop()
            if "anyOf" in schema:  # a reference, or null
                if value is None:
                    continue
                schema = schema["anyOf"][0]
            while "$ref" in schema:
                schema = self.schema["$defs"][schema["$ref"].rpartition("/")[2]]
            kinds = schema.get("type", ())
            kinds = (kinds,) if isinstance(kinds, str) else kinds
            if kinds and not _is_one_of(value, kinds):
                yield Deviation(_write(path), f"is {_KINDS[type(value)]}, not {' or '.join(kinds)}")
            elif isinstance(value, dict):
                for name in schema.get("required", ()):
                    if name not in value:
                        yield Deviation(_write((path, name)), "is missing")
                members = schema.get("properties", {}).items()
                inside = [(s, value[n], (path, n)) for n, s in members if n in value]
                rest += reversed(inside)
            elif isinstance(value, list) and "items" in schema:
                items = schema["items"]
                rest += [(items, item, (path, EACH)) for item in reversed(value)]


_Path = tuple["_Path", str] | None


def _is_one_of(value: Any, kinds: tuple[str, ...] | list[str]) -> bool:
    kind = _KINDS[type(value)]
    if kind in kinds:
        return True
    if kind == "integer":
        return "number" in kinds
    return kind == "number" and "integer" in kinds and value.is_integer()


def _write(path: _Path) -> str:
    """Write a path, whose names are those of the schema."""
    text = ""
    while path is not None:
        path, part = path
        text = part + (f".{text}" if text and not text.startswith(EACH) else text)
    return text[:_LONGEST]
