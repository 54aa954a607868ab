"""Sliding windows, which limit a number of events in any period of one length."""

from collections import deque
from collections.abc import Hashable
from datetime import datetime, timedelta

_FEW_KEYS = 1_000


class SlidingWindows:
    """Has a window for each key, which allows at most `most` events in any `window` of time."""

    def __init__(self, most: int, window: timedelta) -> None:
        """Start without events."""
        self._most = most
        self._window = window
        self._times: dict[Hashable, deque[datetime]] = {}
        self._sweep_at = _FEW_KEYS

    def free_at(self, key: Hashable, now: datetime) -> datetime:
        """Return when the next event is allowed; `now` or a past time if it is allowed now."""
        times = self._times.get(key)
        return now if times is None or len(times) < self._most else times[0] + self._window

    def add(self, key: Hashable, now: datetime) -> None:
        """Count an allowed event; refused ones are not counted."""
        if key not in self._times:
            if len(self._times) >= self._sweep_at:
                self._sweep(now)
            self._times[key] = deque(maxlen=self._most)
        self._times[key].append(now)

    def _sweep(self, now: datetime) -> None:
        since = now - self._window
        self._times = {key: times for key, times in self._times.items() if times[-1] > since}
        # The next sweep waits for twice as many keys, so that not every new key causes one.
        self._sweep_at = max(_FEW_KEYS, 2 * len(self._times))
