"""The keywords of a schema that bound numbers, lengths and counts."""

from mcp_gateway.schemas.budget import Schema

_NUMBERS = ("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum")
_COUNTS = (
    "maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties",
    "maxContains", "minContains",
)  # fmt: skip


def convert_bounds(source: Schema, out: Schema) -> None:
    """Copy the keywords whose value is a number, each in its 2020-12 form."""
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
