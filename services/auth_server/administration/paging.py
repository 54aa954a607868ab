"""Pages of long lists: each names the place where the next one begins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from auth_server.administration.errors import Refused

T = TypeVar("T")

MOST = 200
"""The largest page."""
USUAL = 50


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """Some rows of a list in a fixed order.

    Attributes:
        rows: the rows.
        next: the place after the last row, which the next request sends as `after`; empty if the
            list ends here.
    """

    rows: Sequence[T]
    next: str = ""


def cut(rows: Sequence[T], limit: int, *, place: Callable[[T], str]) -> Slice[T]:
    """Keep `limit` of the rows, of which one more was read to see whether the list goes on."""
    kept = rows[:limit]
    return Slice(kept, place(kept[-1]) if len(rows) > limit else "")


def write_place(at: datetime, name: str) -> str:
    """Write the place of a row in a list that is ordered by time."""
    return f"{at.isoformat()}~{name}"


def read_place(text: str) -> tuple[datetime, str] | None:
    """Read a place in a list that is ordered by time; None if the text is empty.

    Raises:
        Refused: it is not the `next` of another page.
    """
    if not text:
        return None
    at, _, name = text.partition("~")
    read = read_instant(at)
    if read is None or not name.isprintable():
        raise Refused("after", "must be the `next` of the page before")
    return read, name


def read_instant(text: str) -> datetime | None:
    """Read a time with its offset; None if it is not one, or is not an instant."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if is_instant(at) else None


def is_instant(at: datetime) -> bool:
    """Return whether a time has an offset, and no overflow is near, such as that of year 1 in UTC."""
    return at.tzinfo is not None and 1970 <= at.year < 9999
