"""Limit how often strangers can register clients."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from auth_server.rate_limits.sliding_windows import SlidingWindows

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_OVERALL = "registrations_overall_per_minute"


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a client has to wait, and the setting of the limit that it reached."""

    time: timedelta
    setting: str


class RegistrationQuota:
    """Limits registrations in this process: for each address by minute and day, overall by minute."""

    def __init__(self, *, per_minute: int, per_day: int, overall_per_minute: int) -> None:
        """Start with the whole quota."""
        self._windows = {
            "registrations_per_minute": SlidingWindows(per_minute, _MINUTE),
            "registrations_per_day": SlidingWindows(per_day, _DAY),
            _OVERALL: SlidingWindows(overall_per_minute, _MINUTE),
        }

    def spend(self, address: str, now: datetime) -> Wait | None:
        """Count one registration.

        Args:
            address: the client's address, as `address_of` returns it.
            now: the time.

        Returns:
            None if the registration was counted and is allowed; otherwise how long to wait.
        """
        keys = {setting: "" if setting == _OVERALL else address for setting in self._windows}
        free_at, setting = max(
            (windows.free_at(keys[setting], now), setting)
            for setting, windows in self._windows.items()
        )
        if free_at > now:
            return Wait(free_at - now, setting)
        for setting, windows in self._windows.items():
            windows.add(keys[setting], now)
        return None
