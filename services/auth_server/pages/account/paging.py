"""Pages of a list that grows with an organisation."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from auth_server.web.forms import Parameters

SIZE = 50
_LAST = 100_000


@dataclass(frozen=True, slots=True)
class Paged:
    """The rows of one page, its number from 1, and whether there are more."""

    rows: Sequence[Any]
    number: int
    more: bool


def read_number(query: Parameters, name: str) -> int:
    """Read the number of a page from the query; anything else is the first."""
    given = query.get(name) or ""
    number = int(given) if given.isascii() and given.isdigit() and len(given) < 9 else 1
    return min(max(number, 1), _LAST)


async def read_page(number: int, read: Callable[[int, int], Awaitable[Sequence[Any]]]) -> Paged:
    """Read one page with a function that takes the number of rows to skip and to read."""
    rows = await read((number - 1) * SIZE, SIZE + 1)
    return Paged(rows[:SIZE], number, len(rows) > SIZE)
