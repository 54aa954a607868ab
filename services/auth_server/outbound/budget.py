"""How often strangers may make this server fetch."""

from collections import deque
from datetime import datetime, timedelta

PER_ORIGIN = 30
OVERALL = 120
_WINDOW = timedelta(minutes=1)
_MOST_ORIGINS = 10_000


class FetchBudget:
    """Counts fetches of the last minute: 30 for an origin, 120 in all, in this process."""

    def __init__(self) -> None:
        """Start with nothing spent."""
        self._all: deque[datetime] = deque()
        self._origins: dict[str, deque[datetime]] = {}

    def spend(self, origin: str, now: datetime) -> bool:
        """Count one fetch; False, and nothing counted, where the budget is used up."""
        spent = self._origins.setdefault(origin, deque())
        for times in (self._all, spent):
            while times and times[0] <= now - _WINDOW:
                times.popleft()
        if len(self._all) >= OVERALL or len(spent) >= PER_ORIGIN:
            return False
        self._all.append(now)
        spent.append(now)
        if len(self._origins) > _MOST_ORIGINS:
            self._origins = {name: times for name, times in self._origins.items() if times}
        return True
