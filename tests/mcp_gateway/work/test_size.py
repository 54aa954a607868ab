"""Counting what a message or an answer holds."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from mcp_gateway.work.size import count_values, holds_more

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text('a,[{"\\', max_size=8),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('a,[{"\\', max_size=4), inner),
    max_leaves=20,
)


def count(value: Any) -> int:
    """Count by recursion."""
    if isinstance(value, dict):
        return 1 + sum(map(count, value.values()))
    return 1 + sum(map(count, value)) if isinstance(value, list) else 1


@given(JSON)
def test_every_value_counts_once(value: Any) -> None:
    assert count_values(value, 10**9) == count(value)
    most = count(value) - 1
    assert count_values(value, most) > most


@given(JSON, st.integers(0, 20))
def test_marks_count_only_outside_of_texts(value: Any, most: int) -> None:
    def marks(value: Any) -> int:
        if isinstance(value, list | dict):
            items = list(value.values()) if isinstance(value, dict) else value
            return 1 + max(len(items) - 1, 0) + sum(map(marks, items))
        return 0

    found = marks(value)
    told = holds_more(orjson.dumps(value), (b",", b"[", b"{"), most)
    assert told == (found > most) or len(orjson.dumps(value)) <= 2 * most or count(value) > most
