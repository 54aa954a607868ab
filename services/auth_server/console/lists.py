"""What a list page of the console reads from its query."""

from dataclasses import dataclass

from fastapi import Request

from auth_server.web.forms import read_query

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The search and the place of a list page.

    Attributes:
        search: what to search for; empty for everything.
        after: the place where the page begins; empty for the first page.
    """

    search: str
    after: str


def read_list_query(request: Request) -> ListQuery:
    """Read a list page's query; what is too long is cut."""
    query = read_query(request)
    search, after = (query.get("search") or "").strip(), query.get("after") or ""
    return ListQuery(search[:_LONGEST], after[:512])
