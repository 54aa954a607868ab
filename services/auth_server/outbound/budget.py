"""Limit how often strangers can make this server fetch URLs."""

from datetime import datetime, timedelta

from auth_server.rate_limits.sliding_windows import SlidingWindows

PER_STRANGER = 30
PER_ORIGIN = 120
OVERALL = 600
_MINUTE = timedelta(minutes=1)


class FetchBudget:
    """Allows fetches a minute in this process: 30 of a stranger, 120 for an origin, 600 in all.

    So it takes many strangers to use up an origin, and more to use up all.
    """

    def __init__(self) -> None:
        """Start with the whole budget."""
        self._of_all = SlidingWindows(OVERALL, _MINUTE)
        self._of_origin = SlidingWindows(PER_ORIGIN, _MINUTE)
        self._of_stranger = SlidingWindows(PER_STRANGER, _MINUTE)

    def spend(self, origin: str, stranger: str, now: datetime) -> bool:
        """Count one fetch; return False, without counting it, if the budget is used up."""
        counted = (
            (self._of_all, ""),
            (self._of_origin, origin),
            (self._of_stranger, stranger),
        )
        if any(windows.free_at(key, now) > now for windows, key in counted):
            return False
        for windows, key in counted:
            windows.add(key, now)
        return True
