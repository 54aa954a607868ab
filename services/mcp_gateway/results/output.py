"""Check answers against a published output schema, and deliver those that deviate in another form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs
import orjson

from mcp_gateway.results.content import ShapedAnswer

_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Output:
    """The output schema of one tool, which every one of its answers matches as it is delivered."""

    schema: Mapping[str, Any]
    """JSON Schema 2020-12 of the structured content."""
    unexpected: str
    """The member that holds an answer which deviates."""
    find_deviation: Callable[[Any], str | None] = field(compare=False, repr=False)
    """Returns the place where structured content deviates, or None; it is compiled once."""

    @classmethod
    def of(cls, schema: Mapping[str, Any], unexpected: str) -> "Output":
        """Make the check of a schema, which the first answer compiles."""
        validator: jsonschema_rs.Draft202012Validator | None = None

        def find_deviation(value: Any) -> str | None:
            nonlocal validator
            if validator is None:
                validator = jsonschema_rs.Draft202012Validator(dict(schema), offline=True)
            if not isinstance(value, dict) or unexpected in value:
                return "(root)"
            if validator.is_valid(value):
                return None
            wanted = schema.get("anyOf", [{"required": ()}])[0].get("required", ())
            missing = next((name for name in wanted if name not in value), None)
            return missing or _place(validator, value)

        return cls(schema, unexpected, find_deviation)

    def deliver(self, shaped: ShapedAnswer) -> tuple[Any, str | None]:
        """Return the structured content of an answer, and where the answer deviates, if it does.

        An answer that is cut, or is not JSON, deviates as a whole.
        """
        if shaped.structured is None:
            text = next((b["text"] for b in shaped.content if b["type"] == "text"), None)
            return {self.unexpected: text}, "(root)"
        written = orjson.dumps(shaped.structured)
        place: str | None = "(cut)"
        if "gatepost/truncated" not in shaped.meta:
            try:
                place = self.find_deviation(orjson.loads(written))
            except ValueError:
                place = "(root)"
        if place is None:
            return shaped.structured, None
        name = orjson.dumps(self.unexpected)
        return orjson.Fragment(b"{" + name + b":" + written + b"}"), place


def _place(validator: jsonschema_rs.Draft202012Validator, value: Any) -> str:
    """Name the first place that deviates; its names are those of the schema."""
    try:
        validator.validate(value)
    except jsonschema_rs.ValidationError as error:
        path = "".join("[]" if isinstance(p, int) else f".{p}" for p in error.instance_path)
        return path.removeprefix(".")[:_LONGEST] or "(root)"
    return "(root)"
