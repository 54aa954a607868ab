"""Arguments of a wrong but unambiguous type are coerced; everything else is unchanged."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from mcp_gateway.catalogue.coercion import coerce_arguments
from mcp_gateway.catalogue.validation import make_validator

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "count": {"type": "integer"},
        "price": {"type": ["number", "null"]},
        "flag": {"type": "boolean"},
        "id": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "integer"}},
        "due": {"type": "object", "properties": {"days": {"type": "integer"}}},
        "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        "form": {"anyOf": [{"type": "integer"}, {"type": "array"}]},
        "node": {"$ref": "#/$defs/Node"},
        "free": {},
    },
    "additionalProperties": False,
    "$defs": {
        "Node": {
            "type": "object",
            "properties": {"size": {"type": "integer"}, "next": {"$ref": "#/$defs/Node"}},
            "additionalProperties": {"type": "boolean"},
        }
    },
}


@pytest.mark.parametrize(
    ("name", "given", "coerced"),
    [
        ("count", "5", 5),
        ("count", " -7 ", -7),
        ("count", "5.0", "5.0"),
        ("count", "05", "05"),
        ("count", "9" * 40, "9" * 40),
        ("count", "five", "five"),
        ("count", True, True),
        ("price", "2.50", 2.5),
        ("price", "3", 3),
        ("price", None, None),
        ("price", "1e9", "1e9"),
        ("price", "nan", "nan"),
        ("flag", "true", True),
        ("flag", "False", False),
        ("flag", "yes", "yes"),
        ("flag", "1", "1"),
        ("id", 5, 5),
        ("id", 5.5, 5.5),
        ("id", True, True),
        ("id", "7", "7"),
        ("tags", "[1, 2]", [1, 2]),
        ("tags", ["1", 2], [1, 2]),
        ("tags", '{"a": 1}', '{"a": 1}'),
        ("tags", "1", "1"),
        ("due", '{"days": "3"}', {"days": 3}),
        ("due", "{", "{"),
        ("either", "5", "5"),
        ("form", "5", 5),
        ("form", "[1]", [1]),
        ("node", {"size": "1", "next": '{"size": "2"}', "x": "true"}, {"size": 1, "next": {"size": 2}, "x": True}),
        ("free", "5", "5"),
        ("unknown", "5", "5"),
    ],
)  # fmt: skip
def test_only_unambiguous_values_are_coerced(name: str, given: Any, coerced: Any) -> None:
    arguments = {name: given}
    assert coerce_arguments(SCHEMA, arguments) == {name: coerced}
    assert arguments == {name: given}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
    | st.sampled_from(["5", "true", "[1]", '{"size": "1"}', "-0", "1.0"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["size", "next", "x"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([*SCHEMA["properties"], "unknown"]), values))
def test_valid_values_stay_and_coercing_twice_changes_nothing(
    arguments: dict[str, Any],
) -> None:
    coerced = coerce_arguments(SCHEMA, arguments)
    assert coerce_arguments(SCHEMA, coerced) == coerced
    if not make_validator(SCHEMA)(arguments):
        assert coerced == arguments


@pytest.mark.parametrize("text", ["12345678901234.123456789012345", "0.1234567890123456789"])
def test_digits_that_a_number_can_not_hold_stay_text(text: str) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "number"}, "list": {"type": "array"}},
    }
    given = {"n": text, "list": f"[{text}]"}
    assert coerce_arguments(schema, given) == given
