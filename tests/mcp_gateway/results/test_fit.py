"""A long answer is cut between values, never within one, and always fits."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from mcp_gateway.results.fit import LeftOut, fit

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=400),
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.text(max_size=30), inner),
    max_leaves=120,
)


def is_part_of(part: Any, whole: Any) -> bool:
    """Tell whether a cut value contains only parts of the whole one."""
    if isinstance(part, str) and isinstance(whole, str) and part.endswith("…"):
        return part == whole or whole.startswith(part[:-1])
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) <= len(whole) and all(map(is_part_of, part, whole))
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(name in whole and is_part_of(part[name], whole[name]) for name in part)
    return part == whole and type(part) is type(whole)


@given(JSON, st.integers(1024, 4096))
def test_a_cut_answer_fits_and_is_part_of_the_whole(value: object, most: int) -> None:
    written, left = fit(value, most)
    cut = orjson.loads(written)
    assert len(written) <= most
    assert is_part_of(cut, value)
    assert (cut == value) == (left == [])


@given(st.lists(st.integers(0, 10**6) | st.text(max_size=50), max_size=2000))
def test_a_list_keeps_as_many_items_as_fit(items: list[object]) -> None:
    written, left = fit(items, 1024)
    cut = orjson.loads(written)
    if cut != items:
        assert cut == items[: len(cut)]
        assert len(orjson.dumps(items[: len(cut) + 1])) > 1024 - 8
        assert left == [LeftOut("", "items", len(cut), len(items))]


def test_short_members_stay_whole_beside_a_long_one() -> None:
    written, left = fit({"id": 7, "notes": "long " * 5000, "owner": {"name": "Ada"}}, 2000)
    cut = orjson.loads(written)
    assert (cut["id"], cut["owner"]) == (7, {"name": "Ada"})
    assert cut["notes"].startswith("long long")
    assert len(cut["notes"]) > 1500
    assert [(one.place, one.kind, one.whole) for one in left] == [("notes", "characters", 25000)]


def test_a_single_item_that_is_too_long_is_cut() -> None:
    written, left = fit([{"id": 1, "text": "x" * 9000}, {"id": 2}], 1024)
    cut = orjson.loads(written)
    assert (len(cut), cut[0]["id"]) == (1, 1)
    assert {(one.place, one.kind) for one in left} == {("[].text", "characters"), ("", "items")}


def test_an_object_of_very_many_members_loses_some() -> None:
    written, left = fit({f"key{number}": "x" * 100 for number in range(5000)}, 2000)
    cut = orjson.loads(written)
    assert 1800 < len(written) <= 2000
    assert list(cut) == [f"key{number}" for number in range(len(cut))]
    assert left[-1] == LeftOut("", "members", len(cut), 5000)
