"""Sliding windows, which limit a number of events in any period of one length."""

from collections import deque
from collections.abc import Hashable
from datetime import datetime, timedelta

from auth_server.rate_limits.recent import Recent

_MOST_KEYS = 10_000


class SlidingWindows:
    """Has a window for each key, which allows at most `most` events in any `window` of time."""

    def __init__(self, most: int, window: timedelta) -> None:
        """Start without events."""
        self._most = most
        self._window = window
        self._times: Recent[deque[datetime]] = Recent(_MOST_KEYS)

    def __len__(self) -> int:
        """Return the number of windows that are kept: those with an event that still counts."""
        return len(self._times)

    def free_at(self, key: Hashable, now: datetime) -> datetime:
        """Return when the next event is allowed; `now` or a past time if it is allowed now."""
        times = self._times.get(key)
        return now if times is None or len(times) < self._most else times[0] + self._window

    def add(self, key: Hashable, now: datetime) -> None:
        """Count an allowed event; refused ones are not counted."""
        times = self._times.get(key)
        if times is None:
            times = deque(maxlen=self._most)
        times.append(now)
        since = now - self._window
        self._times.put(key, times, is_over=lambda times: times[-1] <= since)
