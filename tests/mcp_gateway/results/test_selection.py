"""Laws of the fields that a model asks for: nothing is added, and nothing that the tool hides is named."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcp_gateway.results.edit import compile_edit
from mcp_gateway.results.fields import parse_field
from mcp_gateway.results.selection import Selection, list_fields

NAMES = st.sampled_from(["id", "name", "secret", "a b", "items"])
ANSWERS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
PATHS = st.lists(
    st.lists(st.sampled_from(["id", "name", "secret", "items", "[]"]), min_size=1, max_size=4).map(
        tuple
    ),
    min_size=1,
    max_size=4,
)


def copied(value: Any) -> Any:
    """Copy an answer, which an edit may change."""
    if isinstance(value, dict):
        return {name: copied(item) for name, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


@given(ANSWERS)
def test_asking_for_all_fields_that_are_told_lacks_none_of_them(answer: Any) -> None:
    told = [parse_field(path) for path in list_fields(answer)]
    if told:
        selection = Selection(told, None)
        selection.edit(copied(answer))
        assert selection.note == ""


@given(ANSWERS, PATHS)
def test_a_selection_keeps_what_an_edit_with_these_fields_keeps(
    answer: Any, paths: list[tuple[str, ...]]
) -> None:
    edit = compile_edit(paths, ())
    assert edit is not None
    assert Selection(paths, None).edit(copied(answer)) == edit(copied(answer))


@given(ANSWERS)
def test_no_selection_shows_or_names_what_the_tool_removes(answer: Any) -> None:
    hides = compile_edit([("id",), ("items", "[]", "id")], ())
    selection = Selection([("secret",), ("items", "[]", "secret")], hides)
    kept = selection.edit(copied(answer))
    assert kept in ({}, {"items": []}) or kept == {"items": [{}] * len(kept["items"])}
    assert "secret" not in selection.note.partition("Its fields are")[2]
