"""The data-scope grammar, checked against its meaning."""

from types import MappingProxyType

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gatepost.data_scope import (
    DataScope,
    MalformedDataScope,
    contains,
    narrow_data_scope,
    parse_data_scope,
)

KINDS = ("team", "region", "k_1")
VALUES = ("a", "b", "c.d~e")
data_scopes = st.dictionaries(
    st.sampled_from(KINDS), st.frozensets(st.sampled_from(VALUES), min_size=1), max_size=3
).map(lambda kinds: DataScope(MappingProxyType(kinds)))
rows = st.fixed_dictionaries({kind: st.sampled_from(VALUES) for kind in KINDS})


def lets_through(scope: DataScope, row: dict[str, str]) -> bool:
    """The meaning of a data scope: values of a kind are a union, kinds intersect."""
    return all(row[kind] in values for kind, values in scope.kinds.items())


@given(data_scopes)
def test_a_written_data_scope_is_read_back_the_same(scope: DataScope) -> None:
    again = parse_data_scope(str(scope))
    assert again == scope
    assert hash(again) == hash(scope)
    assert str(again) == str(scope)


@given(data_scopes, data_scopes, rows)
def test_narrowing_allows_exactly_the_values_that_both_allow(
    ceiling: DataScope, asked: DataScope, row: dict[str, str]
) -> None:
    narrowed = narrow_data_scope(ceiling, asked)
    both = lets_through(ceiling, row) and lets_through(asked, row)
    assert both == (narrowed is not None and lets_through(narrowed, row))
    if narrowed is not None:
        assert contains(ceiling, narrowed)
        assert contains(asked, narrowed)
        assert narrow_data_scope(asked, ceiling) == narrowed


@given(data_scopes, data_scopes, rows)
def test_a_contained_scope_allows_no_additional_values(
    outer: DataScope, inner: DataScope, row: dict[str, str]
) -> None:
    if contains(outer, inner) and lets_through(inner, row):
        assert lets_through(outer, row)


@given(data_scopes)
def test_the_empty_data_scope_restricts_nothing_and_contains_all(scope: DataScope) -> None:
    empty = parse_data_scope("")
    assert contains(empty, scope)
    assert contains(scope, empty) == (scope == empty)
    assert narrow_data_scope(empty, scope) == scope == narrow_data_scope(scope, empty)
    assert contains(scope, scope)


def test_values_of_one_kind_are_a_union_wherever_they_stand() -> None:
    scope = parse_data_scope("team:b region:eu team:a team:a")
    assert scope["team"] == ["a", "b"]
    assert scope["unknown"] == []
    assert str(scope) == "region:eu team:a team:b"


def test_data_scopes_with_nothing_in_common_narrow_to_none() -> None:
    assert narrow_data_scope(parse_data_scope("team:a"), parse_data_scope("team:b")) is None


@pytest.mark.parametrize(
    "text", ["team", "team:", ":a", "Team:a", "1team:a", "team:a b", "team:a/b", "team:é", "team:a:b",
             "team:*", f"{'k' * 33}:a", f"team:{'v' * 129}"],
)  # fmt: skip
def test_an_entry_without_kind_and_value_is_refused(text: str) -> None:
    with pytest.raises(MalformedDataScope):
        parse_data_scope(text)
