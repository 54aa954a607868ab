"""The `allowed_tools` grammar."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gatepost.allowed_tools import TOOL_NAME, MalformedAllowedTools, allows, parse_allowed_tools

names = st.from_regex(TOOL_NAME, fullmatch=True)


@given(names, st.lists(names))
def test_nothing_allowed_allows_nothing(tool: str, toolsets: list[str]) -> None:
    assert not allows(parse_allowed_tools([]), tool, toolsets)


@given(st.lists(names), st.lists(names), names, st.lists(names))
def test_a_tool_is_allowed_by_its_name_or_by_one_of_its_toolsets_alone(
    tools: list[str], sets: list[str], tool: str, toolsets: list[str]
) -> None:
    allowed = parse_allowed_tools([*tools, *(f"@{name}" for name in sets)])
    assert allows(allowed, tool, toolsets) == (tool in tools or bool(set(toolsets) & set(sets)))


def test_a_toolset_is_no_tool_of_that_name() -> None:
    assert not allows(parse_allowed_tools(["@read"]), "read")
    assert not allows(parse_allowed_tools(["read"]), "list_tasks", ["read"])


@pytest.mark.parametrize(
    "entries",
    [None, "list_tasks", {"list_tasks": 1}, [1], [None], [""], ["@"], ["@@a"], ["*"], ["a b"],
     ["a\n"], ["é"], ["a" * 65], ["a", ["b"]]],
)  # fmt: skip
def test_what_is_no_list_of_names_is_refused(entries: Any) -> None:
    with pytest.raises(MalformedAllowedTools):
        parse_allowed_tools(entries)
