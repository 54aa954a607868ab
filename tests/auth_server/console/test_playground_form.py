"""A person fills in a form made of a tool's schema."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.playground.form import InvalidArgument, read_arguments, read_fields

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "note": {"type": "string", "description": "A note."},
        "limit": {"type": "integer"},
        "done": {"type": "boolean"},
        "state": {"enum": ["open", "closed"]},
        "labels": {"type": "array", "items": {"type": "string"}},
        "id": {"type": "string"},
    },
    "required": ["id"],
}
FIELDS = read_fields(SCHEMA)


def test_required_fields_come_first_and_each_has_its_kind() -> None:
    assert [(field.name, field.kind, field.required) for field in FIELDS] == [
        ("id", "text", True),
        ("note", "text", False),
        ("limit", "number", False),
        ("done", "yes_no", False),
        ("state", "choice", False),
        ("labels", "json", False),
    ]


def test_empty_fields_are_left_out() -> None:
    typed = {
        "argument.id": "t1",
        "argument.limit": "5",
        "argument.done": "no",
        "argument.note": " ",
    }
    typed |= {"argument.labels": '["a"]'}
    assert read_arguments(FIELDS, typed.get) == {
        "id": "t1",
        "limit": 5,
        "done": False,
        "labels": ["a"],
    }


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("limit", "five", "limit: write a number"),
        ("limit", "true", "limit: write a number"),
        ("labels", "[", "labels: write JSON"),
    ],
)
def test_a_text_of_another_kind_names_the_argument(name: str, text: str, said: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        read_arguments(FIELDS, {f"argument.{name}": text}.get)
    assert str(refused.value) == said


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.text(max_size=5) | st.integers(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.text(max_size=5), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    )
)
def test_any_schema_makes_a_form(properties: dict[str, Any]) -> None:
    fields = read_fields({"properties": properties, "required": ["a"]})
    assert len(fields) == len(properties)
    assert read_arguments(fields, lambda _: "") == {}
