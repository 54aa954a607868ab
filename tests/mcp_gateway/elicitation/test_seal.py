"""Sealed values are returned unchanged or not at all."""

import os
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from mcp_gateway.elicitation.seal import Sealer
from support.in_process.tokens import KEY, OTHER_KEY

SEALER = Sealer(os.urandom(32))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(JSON, st.text(max_size=12))
def test_a_value_opens_for_its_purpose_and_no_other(value: Any, purpose: str) -> None:
    sealed = SEALER.seal(purpose, [value])
    assert sealed.isascii()
    assert SEALER.open(purpose, sealed) == [value]
    assert SEALER.open(f"{purpose}x", sealed) is None


@given(JSON, st.data())
def test_no_changed_text_opens(value: Any, data: st.DataObject) -> None:
    sealed = SEALER.seal("p", [value])
    place = data.draw(st.integers(0, len(sealed)))
    put = data.draw(st.text("ABCxyz019-_=~é", max_size=3))
    cut = data.draw(st.integers(0, 3))
    changed = sealed[:place] + put + sealed[place + cut :]
    assume(changed != sealed)
    assert SEALER.open("p", changed) is None


@given(st.text(max_size=200))
def test_no_foreign_text_opens(text: str) -> None:
    assert SEALER.open("p", text) is None


def test_replicas_with_one_signing_key_open_each_others_values_and_nobody_else_does() -> None:
    sealed = Sealer.of(KEY).seal("p", [1])
    assert Sealer.of(KEY).open("p", sealed) == [1]
    assert Sealer.of(OTHER_KEY).open("p", sealed) is None
