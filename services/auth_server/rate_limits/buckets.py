"""Token buckets, which limit an average rate and allow bursts of up to a minute's requests."""

from collections.abc import Hashable
from datetime import datetime

from gatepost.rate import MINUTE, take

_SECOND = 1_000_000
_MOST_KEYS = 100_000


class Buckets:
    """Has a bucket for each key, which starts full and refills evenly each minute."""

    def __init__(self, per_minute: int) -> None:
        """Start with every bucket full."""
        self._interval = MINUTE // per_minute
        self._burst = per_minute
        self._busy_until: dict[Hashable, int] = {}

    def wait(self, key: Hashable, now: datetime) -> float:
        """Return the seconds until a token is available, or 0 if one is."""
        _, wait = self._take(self._busy_until.get(key, 0), _microseconds(now))
        return max(wait, 0) / _SECOND

    def take(self, key: Hashable, now: datetime) -> None:
        """Take a token, even if none is available."""
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
