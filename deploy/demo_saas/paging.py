"""Keyset pagination: `{"items": […], "next_cursor": …}`, without repeated or skipped items."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from demo_saas.errors import invalid_field

Item = TypeVar("Item")
_SEPARATOR = "\x1f"


class Page(BaseModel, Generic[Item]):
    """Some items of a list, and the cursor of the next ones."""

    items: list[Item] = Field(description="The items of this page.")
    next_cursor: str | None = Field(
        description="Send it as `cursor` to get the next page. Null on the last page.",
        examples=["MjAyNi0xMS0wMlQwOTowMDowMB90c2tfMTAxNA"],
    )


@dataclass(frozen=True, slots=True)
class Position:
    """A page's start and length; `value` and `id` belong to the item before it."""

    limit: int
    value: str | None = None
    id: str | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the SQL parameters `after_value`, `after_id`, `fetch` (one more than the page)."""
        return {"after_value": self.value, "after_id": self.id, "fetch": self.limit + 1}


def read_position(
    limit: Annotated[
        int, Query(ge=1, le=100, description="The maximum number of items.", examples=[20])
    ] = 20,
    cursor: Annotated[
        str | None,
        Query(
            max_length=400,
            description="The `next_cursor` of the previous page; omit it for the first page.",
        ),
    ] = None,
) -> Position:
    """Read `limit` and `cursor`.

    Raises:
        Invalid: Orbit did not issue this cursor.
    """
    if cursor is None:
        return Position(limit)
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    value, separator, item_id = text.rpartition(_SEPARATOR)
    if not separator:
        raise invalid_field("query", "cursor", "send a next_cursor exactly as it was given")
    return Position(limit, value, item_id)


def cut_page(
    items: Sequence[Item], position: Position, key: Callable[[Item], tuple[str, str]]
) -> dict[str, Any]:
    """Make a page of up to `limit + 1` items; `key` returns an item's sort value and id."""
    shown = items[: position.limit]
    cursor = None
    if len(items) > position.limit:
        raw = _SEPARATOR.join(key(shown[-1])).encode()
        cursor = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    return {"items": shown, "next_cursor": cursor}


AtPosition = Annotated[Position, Depends(read_position)]
