"""The `allowed_tools` grammar, and its short form for many tools."""

import json
from collections.abc import Mapping
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gatepost.allowed_tools import TOOL_NAME, MalformedAllowedTools, Toolsets, parse_allowed_tools

names = st.from_regex(TOOL_NAME, fullmatch=True)
few = st.sampled_from(["a", "b", "c", "read", "write"])
catalogues = st.dictionaries(few | names, st.lists(few, max_size=3), max_size=30)
NOUNS = [f"{kind}_{n}" for kind in ("customer", "invoice", "subscription") for n in range(25)]
VERBS = ("list", "get", "search", "export", "create", "update", "replace", "delete")
READS = frozenset(VERBS[:4])


def large_catalogue(**more: tuple[str, ...]) -> Toolsets:
    """600 tools, each in a set for its noun and in `read` or `write`, and 400 that only read."""
    tools: dict[str, tuple[str, ...]] = {
        f"{verb}_{noun}": (noun, "read" if verb in READS else "write")
        for noun in NOUNS
        for verb in VERBS
    }
    tools |= {f"read_the_report_of_the_month_{n}": ("reports", "read") for n in range(400)}
    return Toolsets.of({**tools, **more})


@given(catalogues)
def test_nothing_allowed_allows_nothing(catalogue: Mapping[str, list[str]]) -> None:
    assert not Toolsets.of(catalogue).expand(parse_allowed_tools([]))


@given(catalogues, st.lists(names), st.lists(names))
def test_only_its_name_or_one_of_its_toolsets_allows_a_tool(
    catalogue: Mapping[str, list[str]], tools: list[str], sets: list[str]
) -> None:
    allowed = parse_allowed_tools([*tools, *(f"@{name}" for name in sets)])

    usable = Toolsets.of(catalogue).expand(allowed)

    for tool, toolsets in catalogue.items():
        assert (tool in usable) == (tool in tools or bool(set(toolsets) & set(sets)))
    assert usable <= catalogue.keys()


def test_a_toolset_is_not_a_tool_of_that_name() -> None:
    toolsets = Toolsets.of({"read": [], "list_tasks": ["read"]})

    assert toolsets.expand(["@read"]) == {"list_tasks"}
    assert toolsets.expand(["read"]) == {"read"}


@pytest.mark.parametrize(
    "entries",
    [None, "list_tasks", {"list_tasks": 1}, [1], [None], [""], ["@"], ["@@a"], ["*"], ["a b"],
     ["a\n"], ["é"], ["a" * 65], ["a", ["b"]], ["a~AAAAAAAAAAAA"], ["@a~AAAA"], ["@a~AAAAAAAAAAAA~"],
     ["@a~AAAAAAAAAAAA~A~A"], ["@a~AAAAAAAAAAAA\n"]],
)  # fmt: skip
def test_a_malformed_list_of_names_is_refused(entries: Any) -> None:
    with pytest.raises(MalformedAllowedTools):
        parse_allowed_tools(entries)


# --- many tools -----------------------------------------------------------------------------------


@given(st.data(), catalogues)
def test_a_shortened_list_allows_exactly_the_same_a117(
    data: st.DataObject, drawn: Mapping[str, list[str]]
) -> None:
    toolsets = Toolsets.of(drawn)
    chosen = data.draw(st.sets(st.sampled_from(sorted(drawn)))) if drawn else set()

    short = toolsets.shorten(chosen, room=data.draw(st.integers(0, 100)))

    assert toolsets.expand(parse_allowed_tools(sorted(short))) == chosen


@given(st.data(), catalogues, catalogues)
def test_a_gateway_with_other_toolsets_allows_at_most_what_was_named_a165(
    data: st.DataObject, before: Mapping[str, list[str]], after: Mapping[str, list[str]]
) -> None:
    here, there = Toolsets.of(before), Toolsets.of(after)
    chosen = data.draw(st.sets(st.sampled_from(sorted(before)))) if before else set()

    assert there.expand(here.shorten(chosen, room=0)) <= chosen


@pytest.mark.parametrize(
    "leave_out",
    [
        pytest.param(lambda place, name: False, id="all of them"),
        pytest.param(
            lambda place, name: name.split("_")[0] in READS | {"read"}, id="all that change"
        ),
        pytest.param(lambda place, name: place % 143 == 5, id="all but seven"),
        pytest.param(lambda place, name: hash((place, 7)) % 2 == 0, id="any half"),
        pytest.param(lambda place, name: "customer" in name, id="no customers"),
    ],
)
def test_a_thousand_tools_are_some_hundred_characters_a117(leave_out: Any) -> None:
    toolsets = large_catalogue()
    assert len(toolsets.tools) == 1000
    chosen = {n for place, n in enumerate(sorted(toolsets.tools)) if not leave_out(place, n)}

    short = toolsets.shorten(chosen)

    assert toolsets.expand(short) == chosen
    assert len(json.dumps(sorted(short))) <= 2000


def test_a_few_tools_are_named_one_by_one() -> None:
    toolsets = large_catalogue()

    assert toolsets.shorten({"list_invoice_1", "@reports"}) == {"list_invoice_1", "@reports"}


def test_a_tool_that_joins_a_toolset_later_is_not_allowed_a165() -> None:
    short = large_catalogue().shorten(large_catalogue().tools)

    later = large_catalogue(forget_customer_1=("customer_1", "write"))

    assert "forget_customer_1" not in later.expand(short)
    assert "delete_customer_1" not in later.expand(short)  # until its token is renewed
    assert "list_customer_1" in later.expand(short)
    assert not later.know(short)
    assert later.know(later.shorten(later.tools))


def test_a_gateway_accepts_a_digest_that_it_knew_before_a165() -> None:
    """It allows the tools it was made of that still exist, never added ones."""
    before = large_catalogue()
    short = before.shorten(before.tools)
    tools = {tool: ("write",) for tool in before.tools if tool != "delete_customer_1"}
    later = Toolsets.of({**tools, "forget_customer_1": ("write",)}).after(before)
    latest = Toolsets.of({**tools, "forget_customer_2": ("write",)}).after(later)

    for catalogue in (later, latest):
        assert catalogue.know(short)
        assert catalogue.expand(short) == before.tools - {"delete_customer_1"}


def test_tools_that_are_no_more_take_no_room() -> None:
    known = large_catalogue()
    gone = {f"tool_of_last_year_{n}" for n in range(1000)}

    assert known.shorten(gone | {"list_invoice_1"}) == {"list_invoice_1"}


@given(st.text("AB-_w", min_size=1, max_size=8))
def test_bits_of_another_length_allow_nothing(bits: str) -> None:
    known = Toolsets.of({f"tool_{n}": ["all"] for n in range(70)})
    (key,) = (key for key in known.members if "~" in key)

    assert not known.expand([f"{key}~{bits}"])
