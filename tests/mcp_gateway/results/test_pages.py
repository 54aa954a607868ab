"""Finding the next page of a listing, for the pagination styles of APIs."""

import time
from typing import Any

import pytest

from mcp_gateway.results.pagination import Pagination

CURSOR = Pagination("cursor", "cursor", "page_token", next=("meta", "next"))
OFFSET = Pagination("offset", "cursor", "skip", "limit", 50, items=("items",))
PAGE = Pagination("page", "cursor", "page", "limit", items=())
LINK = Pagination("page", "cursor", "page")
STRIPE = Pagination("cursor", "cursor", "starting_after", "limit", items=("data",))


@pytest.mark.parametrize(
    ("pages", "answer", "given", "link", "found"),
    [
        (CURSOR, {"meta": {"next": "abc"}}, {}, "", "abc"),
        (CURSOR, {"meta": {"next": 7}}, {}, "", 7),
        (CURSOR, {"meta": {"next": "https://api/x?a=1&page_token=a%20b"}}, {}, "", "a b"),
        (CURSOR, {"meta": {"next": "/x?page_token=abc"}}, {}, "", "abc"),
        (CURSOR, {"meta": {"next": "/x?other=abc"}}, {}, "", None),
        (CURSOR, {"meta": {"next": "https://[api/x?page_token=abc"}}, {}, "", None),
        (CURSOR, {"meta": {"next": f"/x?{'a&' * 9_000}page_token=abc"}}, {}, "", None),
        (CURSOR, {"meta": {"next": ""}}, {}, "", None),
        (CURSOR, {"meta": {"next": True}}, {}, "", None),
        (CURSOR, {"meta": None}, {}, "", None),
        (CURSOR, [], {}, "", None),
        (OFFSET, {"items": [1] * 50}, {}, "", 50),
        (OFFSET, {"items": [1] * 20}, {"limit": 20, "cursor": 40}, "", 60),
        (OFFSET, {"items": [1] * 19}, {"limit": 20}, "", None),
        (OFFSET, {"items": []}, {"limit": 0}, "", None),
        (OFFSET, {"items": [1] * 50}, {"cursor": "x"}, "", None),
        (PAGE, [1, 2], {"limit": 2}, "", 2),
        (PAGE, [1, 2], {"limit": 2, "cursor": 4}, "", 5),
        # The size of a whole page is unknown, so there is no next page.
        (PAGE, [1, 2], {}, "", None),
        (LINK, [], {}, '<https://api/x?page=2>; rel="next"', "2"),
        (LINK, [], {}, "</x?page=1>; rel=prev, </x?page=3>;title=\"a, b\"; rel=\"last next\"", "3"),
        (LINK, [], {}, '<https://api/x?page=1>; rel="prev"', None),
        (LINK, [], {}, "garbage <", None),
        (STRIPE, {"data": [{"id": "a"}, {"id": "b"}], "has_more": True}, {}, "", "b"),
        (STRIPE, {"data": [{"id": "b"}], "has_more": False}, {}, "", None),
        (STRIPE, {"data": [7], "has_more": True}, {}, "", None),
    ],
)  # fmt: skip
def test_the_next_page_is_found_where_there_is_one(
    pages: Pagination, answer: Any, given: dict[str, Any], link: str, found: object
) -> None:
    assert pages.find_next(answer, given, link) == found


def test_a_hostile_link_header_is_read_in_linear_time() -> None:
    began = time.thread_time()
    for header in ("<" * 60_000, "<a>" * 20_000, "<a>;" + " " * 60_000, '<a>;rel="' * 7_000):
        assert Pagination("cursor", "cursor", "after").find_next({}, {}, header) is None
    assert time.thread_time() - began < 2  # quadratic work takes a minute
