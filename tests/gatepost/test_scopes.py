"""The scope grammar and its hierarchy."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gatepost.scopes import (
    ADMIN,
    READ,
    WRITE,
    MalformedScope,
    covers,
    expand_scopes,
    format_scope,
    narrow_scopes,
    parse_scope,
)

tokens = st.sampled_from([READ, WRITE, ADMIN]) | st.text(
    st.characters(codec="ascii", exclude_characters='"\\', exclude_categories=["C", "Z"]),
    min_size=1,
    max_size=12,
)
scopes = st.frozensets(tokens, max_size=6)


@given(scopes)
def test_a_written_scope_is_read_back_the_same(held: frozenset[str]) -> None:
    assert parse_scope(format_scope(held)) == held
    assert format_scope(sorted(held, reverse=True)) == format_scope(held)


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a\tb", "a\nb", "é", "a\x7f", "\u2003"])
def test_a_character_outside_rfc_6749_is_refused(text: str) -> None:
    with pytest.raises(MalformedScope):
        parse_scope(text)


def test_an_empty_or_blank_scope_is_refused() -> None:
    assert parse_scope("") == parse_scope("  ") == frozenset()


def test_a_stronger_scope_covers_a_weaker_one_and_never_the_other_way() -> None:
    assert covers({ADMIN}, WRITE)
    assert covers({ADMIN}, READ)
    assert covers({WRITE}, READ)
    assert not covers({READ}, WRITE)
    assert not covers({WRITE}, ADMIN)
    assert not covers(set(), READ)


@given(scopes)
def test_expanding_adds_nothing_the_second_time(held: frozenset[str]) -> None:
    once = expand_scopes(held)
    assert held <= once
    assert expand_scopes(once) == once


@given(scopes, scopes)
def test_narrowing_grants_only_what_was_asked_and_what_the_ceiling_covers(
    asked: frozenset[str], ceiling: frozenset[str]
) -> None:
    granted = narrow_scopes(asked, ceiling)
    assert granted <= expand_scopes(asked)
    assert all(covers(ceiling, scope) for scope in granted)
    assert granted >= {scope for scope in asked if covers(ceiling, scope)}
    # The result allows exactly the tools that both allow.
    assert expand_scopes(granted) == expand_scopes(asked) & expand_scopes(ceiling)
    assert narrow_scopes(granted, ceiling) == granted


@given(scopes, scopes, tokens)
def test_more_scopes_never_cover_less(one: frozenset[str], more: frozenset[str], s: str) -> None:
    assert covers(one | more, s) or not covers(one, s)
