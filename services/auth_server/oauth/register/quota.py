"""How often strangers may register clients."""

from collections import deque
from datetime import datetime, timedelta

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_SWEEP_EVERY = timedelta(hours=1)


class RegistrationQuota:
    """Counts registrations in this process: of an address by minute and day, of all by minute.

    Only what is let through is remembered, so the overall bound is also that of the memory.
    """

    def __init__(self, *, per_minute: int, per_day: int, overall_per_minute: int) -> None:
        """Start with nothing spent."""
        self._per_minute = per_minute
        self._per_day = per_day
        self._all: deque[datetime] = deque(maxlen=overall_per_minute)
        self._addresses: dict[str, deque[datetime]] = {}
        self._swept_at: datetime | None = None

    def spend(self, address: str, now: datetime) -> timedelta | None:
        """Count one registration.

        Args:
            address: whose it is, as `count_as` writes it.
            now: the time.

        Returns:
            None; or, where it would be too many and was not counted, how long until the next.
        """
        self._sweep(now)
        spent = self._addresses.get(address, deque())
        free_at = max(
            _free_at(self._all, self._all.maxlen or 0, _MINUTE, now),
            _free_at(spent, self._per_minute, _MINUTE, now),
            _free_at(spent, self._per_day, _DAY, now),
        )
        if free_at > now:
            return free_at - now
        self._all.append(now)
        if address not in self._addresses:
            self._addresses[address] = deque(maxlen=max(self._per_minute, self._per_day))
        self._addresses[address].append(now)
        return None

    def _sweep(self, now: datetime) -> None:
        if self._swept_at is not None and now < self._swept_at + _SWEEP_EVERY:
            return
        self._swept_at = now
        self._addresses = {
            address: times for address, times in self._addresses.items() if times[-1] > now - _DAY
        }


def _free_at(times: deque[datetime], most: int, window: timedelta, now: datetime) -> datetime:
    return times[-most] + window if len(times) >= most else now
