"""Names for one action have the same words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.text.words import likeness, split_words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("listTasks", "search_task"),
        ("HTTPStatus", "http-status"),
        ("get_all_the_entries", "readEntry"),
        ("add_task", "Create a task"),
        ("tasks2", "task-2"),
    ],
)
def test_two_spellings_are_the_same_words(one: str, other: str) -> None:
    assert split_words(one) == split_words(other)


def test_opposite_actions_differ() -> None:
    assert split_words("create_task") != split_words("delete_task")
    assert split_words("status") == {"status"}


@given(st.text(), st.text())
def test_likeness_is_a_share_and_symmetric(one: str, other: str) -> None:
    first, second = split_words(one), split_words(other)
    assert 0 <= likeness(first, second) == likeness(second, first) <= 1
    assert likeness(first, first) == (1 if first else 0)
