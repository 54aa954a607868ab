"""Finding a tool by words about a task."""

from dataclasses import replace
from typing import Any

import pytest

from mcp_gateway.catalogue.search import SearchIndex
from mcp_gateway.catalogue.tool import Tool

SAID = {
    "create_invoice": "Create an invoice for a customer.",
    "list_invoices": "List the invoices of an organisation.",
    "send_invoice": "Send an invoice to its customer by mail.",
    "list_customers": "List the people who buy.",
    "get_health": "Say whether the service is well.",
}


def tools_of(tool: Tool, said: dict[str, str]) -> list[Tool]:
    """Make tools of these names and descriptions out of one."""
    return [replace(tool, name=name, title=name, description=text) for name, text in said.items()]


@pytest.fixture
def index(tool_of: Any) -> SearchIndex:
    return SearchIndex(tools_of(tool_of({}), SAID))


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("invoices list", "list_invoices"),
        ("createInvoice", "create_invoice"),
        ("open a new invoice", "create_invoice"),
        ("how can I mail it?", "send_invoice"),
        ("show me all of the customers", "list_customers"),
        ("is everything well", "get_health"),
    ],
)
def test_the_tool_that_fits_best_comes_first(index: SearchIndex, words: str, first: str) -> None:
    assert index.search(words, lambda tool: True, 5)[0].name == first


def test_tools_that_the_caller_may_not_see_are_never_found(index: SearchIndex) -> None:
    found = index.search("invoice", lambda tool: tool.name != "send_invoice", 5)
    assert {tool.name for tool in found} == {"create_invoice", "list_invoices"}


@pytest.mark.parametrize("words", ["zebra", "", "?!"])
def test_words_that_fit_nothing_find_nothing(index: SearchIndex, words: str) -> None:
    assert index.search(words, lambda tool: True, 5) == []


def test_equal_tools_come_in_the_order_of_their_names_and_no_more_than_asked_for(
    tool_of: Any,
) -> None:
    tools = tools_of(tool_of({}), {f"get_{letter}": "Same." for letter in "cab"})
    found = SearchIndex(tools).search("same", lambda tool: True, 2)
    assert [tool.name for tool in found] == ["get_a", "get_b"]


def test_only_the_first_words_of_a_query_are_looked_up(index: SearchIndex) -> None:
    many = " ".join(f"word{chr(97 + number)}" for number in range(16))
    assert index.search(f"{many} invoice", lambda _: True, 5) == []
    assert index.search(f"invoice {many}", lambda _: True, 5) != []
