"""An edit changes only the intended part of a manifest's text."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gatepost.document import parse_document
from mcp_gateway.importing.yaml_edit import UneditableText, YamlText
from mcp_gateway.importing.yaml_write import dump

TEXT = """\
# the head
version: 1   # one
tools:
  # about the first
  first:
    operation: "GET /a"  # quoted by hand
    description: |
      Two lines,
      écrites à la main.

    bind:
      org_id: tenant_id
      # the end of bind

  # about the second
  second: {operation: GET /b, title: 'B', toolsets: [x]}
  third:
    operation: GET /c
# the end
"""


def test_everything_but_the_change_stays_byte_for_byte() -> None:
    edit = YamlText(TEXT)
    edit.set(("tools", "first", "operation"), "GET /z")
    edit.set(("tools", "first", "expose"), False, "gone")
    edit.set(("tools", "second", "title"), "It's: B")
    edit.set(("tools", "second", "expose"), False, "no room here")
    edit.add(("tools",), {"fourth": {"operation": "GET /d"}})
    wanted = TEXT.replace('operation: "GET /a"', "operation: GET /z")
    wanted = wanted.replace("org_id: tenant_id\n", "org_id: tenant_id\n    expose: false  # gone\n")
    wanted = wanted.replace("title: 'B'", "title: 'It''s: B'").replace(
        "[x]}", "[x], expose: false}"
    )
    wanted = wanted.replace("GET /c\n", "GET /c\n  fourth:\n    operation: GET /d\n")
    assert edit.write() == wanted


def test_a_block_text_is_replaced_whole() -> None:
    edit = YamlText(TEXT)
    edit.set(("tools", "first", "description"), "One line.")
    assert "    description: One line.\n\n    bind:" in edit.write()


def test_a_manifest_without_tools_gets_its_first() -> None:
    edit = YamlText("tools: {}  # none yet\n")
    edit.add(("tools",), {"a": {"operation": "GET /a"}, "b": {"operation": "GET /b"}})
    assert list(parse_document(edit.write().encode())["tools"]) == ["a", "b"]


def test_an_ambiguous_change_is_refused() -> None:
    edit = YamlText("a: &x 1\nb: *x\n")
    edit.set(("a",), 2)
    with pytest.raises(UneditableText):
        edit.write()


VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.text("ab \n\t\r\x85\xa0\u2028\u3000", max_size=6),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.lists(st.text("ab: #'\"-", max_size=6), max_size=3),
)
KEYS = st.text("abcdefg", min_size=1, max_size=3)


@settings(max_examples=200)
@given(
    content=st.dictionaries(
        KEYS, st.dictionaries(KEYS, VALUES, max_size=4), min_size=1, max_size=4
    ),
    key=KEYS,
    value=VALUES,
)
@example(content={"a": {"a": "\xa0"}}, key="a", value="two\nlines")
@example(content={"a": {"a": "a\n\n"}}, key="a", value="a\n\xa0")
@example(content={"a": {"a": "a"}}, key="a", value="\x85")
@example(content={"a": {}}, key="a", value="0[")
@example(content={"a": {}}, key="a", value="1e3")
def test_any_change_reads_back_as_requested(
    content: dict[str, dict[str, Any]], key: str, value: Any
) -> None:
    first = next(iter(content))
    edit = YamlText(dump(content))
    edit.set((first, key), value)
    assert parse_document(edit.write().encode()) == {
        **content,
        first: {**content[first], key: value},
    }
