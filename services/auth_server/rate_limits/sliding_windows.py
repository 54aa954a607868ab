"""Sliding windows: never more than so many in any stretch of time."""

from collections import deque
from collections.abc import Hashable
from datetime import datetime, timedelta

_FEW_KEYS = 1_000


class SlidingWindows:
    """A window for each key, which lets through at most `most` in any `window` of time."""

    def __init__(self, most: int, window: timedelta) -> None:
        """Start with nothing let through."""
        self._most = most
        self._window = window
        self._times: dict[Hashable, deque[datetime]] = {}
        self._sweep_at = _FEW_KEYS

    def free_at(self, key: Hashable, now: datetime) -> datetime:
        """Tell when there is room for another; `now`, or a moment in the past, where there is."""
        times = self._times.get(key)
        return now if times is None or len(times) < self._most else times[0] + self._window

    def add(self, key: Hashable, now: datetime) -> None:
        """Count one that is let through; only those are remembered."""
        if key not in self._times:
            if len(self._times) >= self._sweep_at:
                self._sweep(now)
            self._times[key] = deque(maxlen=self._most)
        self._times[key].append(now)

    def _sweep(self, now: datetime) -> None:
        since = now - self._window
        self._times = {key: times for key, times in self._times.items() if times[-1] > since}
        # Next when there are twice as many, so that a flood of keys does not pay for each.
        self._sweep_at = max(_FEW_KEYS, 2 * len(self._times))
