"""Sealed values are returned unchanged or not at all."""

import os
from typing import Any

import pytest
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


WAYS = ((SEALER.seal, SEALER.open), (SEALER.encrypt, SEALER.decrypt))
EITHER_WAY = pytest.mark.parametrize(("close", "open_"), WAYS, ids=["sealed", "encrypted"])


@EITHER_WAY
@given(value=JSON, purpose=st.text(max_size=12))
def test_a_value_opens_for_its_purpose_and_no_other(
    close: Any, open_: Any, value: Any, purpose: str
) -> None:
    sealed = close(purpose, [value])
    assert sealed.isascii()
    assert open_(purpose, sealed) == [value]
    assert open_(f"{purpose}x", sealed) is None


@EITHER_WAY
@given(value=JSON, data=st.data())
def test_no_changed_text_opens(close: Any, open_: Any, value: Any, data: st.DataObject) -> None:
    sealed = close("p", [value])
    place = data.draw(st.integers(0, len(sealed)))
    put = data.draw(st.text("ABCxyz019-_=~é", max_size=3))
    cut = data.draw(st.integers(0, 3))
    changed = sealed[:place] + put + sealed[place + cut :]
    assume(changed != sealed)
    assert open_("p", changed) is None


@EITHER_WAY
@given(text=st.text(max_size=200))
def test_no_foreign_text_opens(close: Any, open_: Any, text: str) -> None:
    assert open_("p", text) is None
    assert open_("p", close("p", text)) == text


def test_replicas_with_one_signing_key_open_each_others_values_and_nobody_else_does() -> None:
    one, same, other = Sealer.of(KEY), Sealer.of(KEY), Sealer.of(OTHER_KEY)
    assert same.open("p", one.seal("p", [1])) == [1]
    assert other.open("p", one.seal("p", [1])) is None
    assert same.decrypt("p", one.encrypt("p", [1])) == [1]
    assert other.decrypt("p", one.encrypt("p", [1])) is None
