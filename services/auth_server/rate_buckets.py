"""How often: token buckets in this process, and what guesses at secrets may cost."""

from collections.abc import Hashable
from datetime import datetime
from math import ceil

from auth_server.errors import TooManyRequests

_MINUTE = 60.0
_MOST_KEYS = 100_000
_NOTHING = 1e-3  # what adding up fractions may leave over


class Buckets:
    """A bucket for each key, full at first, that holds a minute's worth and fills evenly."""

    def __init__(self, per_minute: int) -> None:
        """Start with every bucket full."""
        self._every = _MINUTE / per_minute
        self._empty_until: dict[Hashable, float] = {}

    def wait(self, key: Hashable, now: datetime) -> float:
        """Tell how many seconds it takes until something is left; 0 where it is."""
        busy = self._empty_until.get(key, 0.0) - now.timestamp()
        wait = busy + self._every - _MINUTE
        return wait if wait > _NOTHING else 0.0

    def take(self, key: Hashable, now: datetime) -> None:
        """Take one out, whether or not anything is left."""
        at = now.timestamp()
        full = at + _MINUTE
        self._empty_until[key] = min(max(self._empty_until.pop(key, at), at) + self._every, full)
        if len(self._empty_until) > _MOST_KEYS:
            self._sweep(at)

    def _sweep(self, at: float) -> None:
        self._empty_until = {key: end for key, end in self._empty_until.items() if end > at}
        while len(self._empty_until) > _MOST_KEYS:
            del self._empty_until[next(iter(self._empty_until))]


class WrongGuesses:
    """Counts what did not prove itself: of one client from one address, and of one address."""

    def __init__(self, per_minute: int) -> None:
        """Take how many one client from one address may make; an address may make ten times that."""
        self._of_client = Buckets(per_minute)
        self._of_address = Buckets(10 * per_minute)

    def require_patience(self, client_id: str, address: str, now: datetime) -> None:
        """Refuse to look at another guess of whoever made too many.

        Raises:
            TooManyRequests: saying when to come back.
        """
        wait = max(
            self._of_client.wait((client_id, address), now), self._of_address.wait(address, now)
        )
        if wait > 0:
            raise TooManyRequests(
                "too many requests from here were wrong; try again later",
                retry_after=ceil(wait),
            )

    def count(self, client_id: str, address: str, now: datetime) -> None:
        """Count one."""
        self._of_client.take((client_id, address), now)
        self._of_address.take(address, now)
