"""Token buckets, which limit an average rate and allow bursts of up to a minute's requests."""

from collections.abc import Hashable
from datetime import datetime

from auth_server.rate_limits.recent import Recent
from gatepost.metering.rate import MINUTE, take

_SECOND = 1_000_000


class Buckets:
    """Has a bucket for each key, which starts full and refills evenly each minute."""

    def __init__(self, per_minute: int) -> None:
        """Start with every bucket full."""
        self._interval = MINUTE // per_minute
        self._burst = per_minute
        self._busy_until: Recent[int] = Recent()

    def __len__(self) -> int:
        """Return the number of buckets that are kept: those used in the last minute."""
        return len(self._busy_until)

    def wait(self, key: Hashable, now: datetime) -> float:
        """Return the seconds until a token is available, or 0 if one is."""
        _, wait = self._take(key, _microseconds(now))
        return max(wait, 0) / _SECOND

    def take(self, key: Hashable, now: datetime) -> None:
        """Take a token, even if none is available."""
        at = _microseconds(now)
        until, wait = self._take(key, at)
        self._busy_until.put(key, until - max(wait, 0), is_over=lambda end: end <= at)

    def _take(self, key: Hashable, at: int) -> tuple[int, int]:
        busy_until = self._busy_until.get(key) or 0
        return take(busy_until, at, interval=self._interval, burst=self._burst)


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * _SECOND)
