"""Convert the keywords that don't contain schemas to their 2020-12 form."""

from typing import Any

from mcp_gateway.documents.markup import plain_text
from mcp_gateway.schemas.budget import Schema
from mcp_gateway.text import strip_value, tidy_text

_TEXTS = ("description", "title", "format", "contentEncoding", "contentMediaType")
_NUMBERS = ("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum")
_COUNTS = (
    "maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties",
    "maxContains", "minContains",
)  # fmt: skip
_BOUNDS = frozenset({*_NUMBERS, *_COUNTS, "multipleOf"})
_LONGEST_EXAMPLE = 200


class UnusableSchema(Exception):
    """A schema can't be converted to 2020-12, or is too large; the message says why."""


def convert_type(kind: Any, out: Schema) -> None:
    """Copy the type or the list of types.

    Raises:
        UnusableSchema: the type is neither a name nor a list of names.
    """
    if isinstance(kind, list) and kind and all(isinstance(name, str) for name in kind):
        out["type"] = list(dict.fromkeys(kind))
    elif isinstance(kind, str):
        out["type"] = kind
    elif kind is not None:
        raise UnusableSchema("a schema's type is neither a name nor a list of names")


def convert_texts(source: Schema, out: Schema) -> None:
    """Copy the keywords whose value is text; `byte` of OpenAPI 3.0 is an encoding."""
    for keyword in _TEXTS:
        text = source.get(keyword)
        if isinstance(text, str) and text.strip():
            out[keyword] = tidy_text(plain_text(text) if keyword == "description" else text)
    if out.get("format") == "byte":
        del out["format"]
        out["contentEncoding"] = "base64"


def convert_bounds(source: Schema, out: Schema) -> None:
    """Copy the keywords whose value is a number, each in its 2020-12 form."""
    if _BOUNDS.isdisjoint(source):
        return
    for keyword in _NUMBERS:
        value = source.get(keyword)
        if isinstance(value, int | float) and not isinstance(value, bool):
            out[keyword] = value
    for bound in ("Maximum", "Minimum"):  # Booleans beside the bound in OpenAPI 3.0.
        if source.get(f"exclusive{bound}") is True and bound.lower() in out:
            out[f"exclusive{bound}"] = out.pop(bound.lower())
    for keyword in _COUNTS:
        value = source.get(keyword)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            out[keyword] = value
    multiple = source.get("multipleOf")
    if isinstance(multiple, int | float) and not isinstance(multiple, bool) and multiple > 0:
        out["multipleOf"] = multiple


def convert_values(source: Schema, out: Schema) -> None:
    """Copy the keywords whose values are values of an argument, and the flags."""
    for keyword in ("enum", "examples"):
        if isinstance(source.get(keyword), list) and source[keyword]:
            out[keyword] = source[keyword]
    if "example" in source and "examples" not in out:
        out["examples"] = [source["example"]]
    if len(str(out.get("examples", ""))) > _LONGEST_EXAMPLE:
        del out["examples"]
    if "examples" in out:
        out["examples"] = strip_value(out["examples"])
    for keyword in ("const", "default"):
        if keyword in source:
            out[keyword] = source[keyword]
    for keyword in ("uniqueItems", "deprecated"):
        if source.get(keyword) is True:
            out[keyword] = True
