"""A table of what strangers did lately, which their number and their input can't grow."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

MOST_KEYS = 50_000
V = TypeVar("V")


class Recent(Generic[V]):
    """Keeps one value for each key until it is over, and at most `most` values.

    Strangers choose the keys, so only their hashes are kept: Python's, which is keyed with a secret
    of the process. When the table is full, the value that was put longest ago is dropped.
    """

    def __init__(self, most: int = MOST_KEYS) -> None:
        """Start empty."""
        self._most = most
        self._values: OrderedDict[int, V] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of values that are kept."""
        return len(self._values)

    def get(self, key: Hashable) -> V | None:
        """Return the value of a key."""
        return self._values.get(hash(key))

    def put(self, key: Hashable, value: V, *, is_over: Callable[[V], bool]) -> None:
        """Set the value of a key, which is not over, and drop the oldest values that are."""
        place = hash(key)
        self._values[place] = value
        self._values.move_to_end(place)
        while len(self._values) > self._most or is_over(next(iter(self._values.values()))):
            self._values.popitem(last=False)
