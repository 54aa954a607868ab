"""Find the next page of a listing, which a model reads as `nextCursor` whatever the API calls it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from mcp_gateway.results.fields import FieldPath

_MOST_FIELDS = 100
"""Fields of the query of a link to the next page."""
_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[\w*]+\s*=\s*(?:"[^"]*"|[^\s";,]+))*)')
_NEXT = re.compile(r';\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?![\w-]))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pagination:
    """How a tool's listing is paginated."""

    kind: Literal["cursor", "page", "offset"]
    argument: str
    """The argument for the position; `cursor` unless that name was taken."""
    parameter: str
    """The upstream's name of that argument, which links contain."""
    size: str | None = None
    """The argument for the number of items; `limit` unless that name was taken."""
    usual_size: int | None = None
    """The number of items by default."""
    first: int = 1
    """The number of the first page."""
    next: FieldPath | None = None
    """The path in the answer of the value for `argument`, or of a link with it."""
    items: FieldPath | None = None
    """The path in the answer of the list; () if the answer is the list."""

    def find_next(self, answer: Any, given: Mapping[str, Any], link: str = "") -> str | int | None:
        """Return the value of `argument` for the next page, or None without a sign of one.

        Args:
            answer: the API's parsed answer.
            given: the call's arguments, by the names that the model uses.
            link: the answer's Link header (RFC 8288).
        """
        if self.next is not None:
            return self._read(_dig(answer, self.next))
        if link:
            return self._read(_next_link(link))
        items = None if self.items is None else _dig(answer, self.items)
        if not isinstance(items, list) or not items:
            return None
        if self.kind == "cursor":
            return _last_id(answer, items, self.parameter)
        size = given.get(self.size, self.usual_size) if self.size else self.usual_size
        if not isinstance(size, int) or len(items) < size:
            return None
        return self.after(len(items), given)

    def after(self, shown: int, given: Mapping[str, Any]) -> int | None:
        """Return the position after `shown` items of a page, or None if it is unknown."""
        start = given.get(self.argument, 0 if self.kind == "offset" else self.first)
        if self.kind == "cursor" or not isinstance(start, int):
            return None
        return start + (shown if self.kind == "offset" else 1)

    def _read(self, value: Any) -> str | int | None:
        if isinstance(value, str):
            if "?" in value and value.startswith(("http://", "https://", "/", "?")):
                try:
                    query = parse_qs(urlsplit(value).query, max_num_fields=_MOST_FIELDS)
                except ValueError:
                    return None
                value = query.get(self.parameter, [None])[0]
            return value or None
        return value if isinstance(value, int) and not isinstance(value, bool) else None


def _dig(answer: Any, path: FieldPath) -> Any:
    for name in path:
        if not isinstance(answer, dict):
            return None
        answer = answer.get(name)
    return answer


def _next_link(header: str) -> str | None:
    return next((url for url, rest in _LINK.findall(header) if _NEXT.search(rest)), None)


def _last_id(answer: Any, items: list[Any], parameter: str) -> str | int | None:
    """Return the last item's id if the API paginates by it (`starting_after`) and has more."""
    if not isinstance(answer, dict) or answer.get("has_more") is not True:
        return None
    last = items[-1].get("id") if isinstance(items[-1], dict) else None
    return last if parameter == "starting_after" and isinstance(last, str | int) else None
