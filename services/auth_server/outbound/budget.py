"""Limit how often strangers can make this server fetch URLs."""

from datetime import datetime, timedelta

from auth_server.rate_limits.sliding_windows import SlidingWindows

PER_ORIGIN = 30
OVERALL = 120
_MINUTE = timedelta(minutes=1)


class FetchBudget:
    """Allows 30 fetches a minute for each origin and 120 in all, in this process."""

    def __init__(self) -> None:
        """Start with the whole budget."""
        self._of_all = SlidingWindows(OVERALL, _MINUTE)
        self._of_origin = SlidingWindows(PER_ORIGIN, _MINUTE)

    def spend(self, origin: str, now: datetime) -> bool:
        """Count one fetch; return False, without counting it, if the budget is used up."""
        if max(self._of_all.free_at("", now), self._of_origin.free_at(origin, now)) > now:
            return False
        self._of_all.add("", now)
        self._of_origin.add(origin, now)
        return True
