"""Token buckets: how often on average, with a minute's worth at once."""

from collections.abc import Hashable
from datetime import datetime

from gatepost.rate import MINUTE, take

_SECOND = 1_000_000
_MOST_KEYS = 100_000


class Buckets:
    """A bucket for each key, full at first, that holds a minute's worth and fills evenly."""

    def __init__(self, per_minute: int) -> None:
        """Start with every bucket full."""
        self._interval = MINUTE // per_minute
        self._burst = per_minute
        self._busy_until: dict[Hashable, int] = {}

    def wait(self, key: Hashable, now: datetime) -> float:
        """Tell how many seconds it takes until something is left; 0 where it is."""
        _, wait = self._take(self._busy_until.get(key, 0), _microseconds(now))
        return max(wait, 0) / _SECOND

    def take(self, key: Hashable, now: datetime) -> None:
        """Take one out, whether or not anything is left."""
        at = _microseconds(now)
        until, wait = self._take(self._busy_until.pop(key, 0), at)
        self._busy_until[key] = until - max(wait, 0)
        if len(self._busy_until) > _MOST_KEYS:
            self._sweep(at)

    def _take(self, busy_until: int, at: int) -> tuple[int, int]:
        return take(busy_until, at, interval=self._interval, burst=self._burst)

    def _sweep(self, at: int) -> None:
        self._busy_until = {key: end for key, end in self._busy_until.items() if end > at}
        while len(self._busy_until) > _MOST_KEYS:
            del self._busy_until[next(iter(self._busy_until))]


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * _SECOND)
