"""Pages of long lists: each names the place where the next one begins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

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
