"""Limit how often strangers can register clients."""

from datetime import datetime, timedelta

from auth_server.rate_limits.sliding_windows import SlidingWindows

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


class RegistrationQuota:
    """Limits registrations in this process: for each address by minute and day, overall by minute."""

    def __init__(self, *, per_minute: int, per_day: int, overall_per_minute: int) -> None:
        """Start with the whole quota."""
        self._of_address = (SlidingWindows(per_minute, _MINUTE), SlidingWindows(per_day, _DAY))
        self._of_all = SlidingWindows(overall_per_minute, _MINUTE)

    def spend(self, address: str, now: datetime) -> timedelta | None:
        """Count one registration.

        Args:
            address: the client's address, as `address_of` returns it.
            now: the time.

        Returns:
            None if the registration was counted and is allowed; otherwise how long to wait.
        """
        counted = [(self._of_all, ""), *((windows, address) for windows in self._of_address)]
        free_at = max(windows.free_at(key, now) for windows, key in counted)
        if free_at > now:
            return free_at - now
        for windows, key in counted:
            windows.add(key, now)
        return None
