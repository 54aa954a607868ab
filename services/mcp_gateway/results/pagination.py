"""Where a listing goes on: whatever the API calls it, a model reads `nextCursor`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from mcp_gateway.results.fields import FieldPath

_LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[\w*]+\s*=\s*(?:"[^"]*"|[^\s";,]+))*)')
_NEXT = re.compile(r';\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?![\w-]))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pagination:
    """How a tool's listing is read in pieces."""

    kind: Literal["cursor", "page", "offset"]
    argument: str
    """What a model calls the place to go on from; `cursor` where that name was free."""
    parameter: str
    """The upstream's own name for it, as it stands in links."""
    size: str | None = None
    """What a model calls the number of items; `limit` where that name was free."""
    usual_size: int | None = None
    """How many items come where the call doesn't say."""
    first: int = 1
    """The number of the first page."""
    next: FieldPath | None = None
    """Where the answer holds the value for `argument`, or a link that does."""
    items: FieldPath | None = None
    """Where the answer holds the list; () where the answer is the list."""

    def find_next(self, answer: Any, given: Mapping[str, Any], link: str = "") -> str | int | None:
        """Tell what `argument` must be for the next page; None where nothing says there is one.

        Args:
            answer: as the API gave it, parsed.
            given: the call's arguments, by the names a model knows.
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
        """Tell where to go on after so many items of a page; None where that can't be told."""
        start = given.get(self.argument, 0 if self.kind == "offset" else self.first)
        if self.kind == "cursor" or not isinstance(start, int):
            return None
        return start + (shown if self.kind == "offset" else 1)

    def _read(self, value: Any) -> str | int | None:
        if isinstance(value, str):
            if "?" in value and value.startswith(("http://", "https://", "/", "?")):
                values = parse_qs(urlsplit(value).query).get(self.parameter)
                value = values[0] if values else None
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
    """Go on after the last item, where the API pages that way (`starting_after`) and has more."""
    if not isinstance(answer, dict) or answer.get("has_more") is not True:
        return None
    last = items[-1].get("id") if isinstance(items[-1], dict) else None
    return last if parameter == "starting_after" and isinstance(last, str | int) else None
